/** The folder of the image that holds the clone. */
export const PROJECT: string;
/** The id of the image with the clone as it is built; made when it is first asked for. */
export function testImage(): Promise<string>;

/** The one place where this process looks at its environment. */
export const environment: Readonly<Record<string, string | undefined>> = process.env;

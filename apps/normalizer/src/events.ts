/** What a normalizer tells whoever started it; `up` prints it. */
export type NormalizerEvent =
  | {
      readonly kind: 'delivered';
      readonly endpoint: string;
      readonly category: string;
      readonly points: number;
      readonly collectors: readonly string[];
      readonly attempt: number;
    }
  | {
      readonly kind: 'still-waiting';
      readonly endpoint: string;
      readonly category: string;
      readonly points: number;
      readonly attempt: number;
      readonly reason: string;
    }
  /** Left for a normalizer that can read it. */
  | { readonly kind: 'left-for-newer'; readonly message: string }
  | {
      readonly kind: 'dead';
      readonly category: string;
      readonly points: number;
      readonly collectors: readonly string[];
      readonly code: string;
      readonly message: string;
    };

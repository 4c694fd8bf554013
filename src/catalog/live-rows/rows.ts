/** The comparisons that an API can be asked for. */
export const NARROWING = ['eq', 'in', 'gt', 'gte', 'lt', 'lte'] as const;
export type Narrowing = (typeof NARROWING)[number];

/** By field and operator: the parameter or argument that asks for it, or a JSON pointer to where in an argument it stands. */
export type Filters = Readonly<Record<string, Readonly<Partial<Record<Narrowing, string | undefined>>>>>;

/** What one part of an answer may take from an API. */
export interface RowLimits {
  readonly rows: number;
  readonly requests: number;
  readonly bytes: number;
}

export type SaidLimits = Readonly<{ [K in keyof RowLimits]?: RowLimits[K] | undefined }>;

/** How several values are written: `id=1&id=2`, or `id=1,2`. */
export type Lists = 'repeated' | 'comma';

interface HttpTurned {
  readonly size?: { readonly parameter: string; readonly rows: number } | undefined;
  /** A pointer to whether more pages follow. */
  readonly more?: string | undefined;
}

export type HttpPages = HttpTurned &
  (
    | { readonly by: 'page'; readonly parameter: string; readonly first?: number | undefined }
    | { readonly by: 'offset'; readonly parameter: string }
    /** `next`: a pointer to the cursor of the page behind. */
    | { readonly by: 'cursor'; readonly parameter: string; readonly next: string }
    | { readonly by: 'link' }
    /** `next`: a pointer to the URL of the page behind. */
    | { readonly by: 'url'; readonly next: string }
  );

export interface HttpList {
  readonly path: string;
  /** A pointer to the list of rows; the whole answer when absent. */
  readonly items?: string | undefined;
  /** A pointer to the number of rows on all pages. */
  readonly count?: string | undefined;
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly filters?: Filters | undefined;
  readonly lists?: Lists | undefined;
  readonly pages?: HttpPages | undefined;
  readonly order?:
    | { readonly parameter: string; readonly by: Readonly<Record<string, { readonly asc?: string | undefined; readonly desc?: string | undefined }>> }
    | undefined;
}

/** How the rows of a dataset are had from an API that answers with JSON. */
export interface HttpRows {
  readonly list?: HttpList | undefined;
  readonly get?: { readonly path: string; readonly item?: string | undefined; readonly query?: Readonly<Record<string, string>> | undefined } | undefined;
  readonly batch?:
    | {
        readonly path: string;
        readonly parameter: string;
        readonly items?: string | undefined;
        readonly query?: Readonly<Record<string, string>> | undefined;
        readonly lists?: Lists | undefined;
        readonly max?: number | undefined;
      }
    | undefined;
  readonly limits?: SaidLimits | undefined;
}

interface GraphqlSize {
  readonly argument: string;
  readonly rows: number;
}

export type GraphqlPages =
  | { readonly by: 'page'; readonly argument: string; readonly first?: number | undefined; readonly size?: GraphqlSize | undefined }
  | { readonly by: 'offset'; readonly argument: string; readonly size?: GraphqlSize | undefined }
  /** `next` and `more`: pointers into what the field gives, to the cursor of the page behind, and to whether there is one. */
  | {
      readonly by: 'cursor';
      readonly argument: string;
      readonly next?: string | undefined;
      readonly more?: string | undefined;
      readonly size?: GraphqlSize | undefined;
    };

/** By argument, its type as the API has it. */
type ArgumentTypes = Readonly<Record<string, string>>;
type Constants = Readonly<Record<string, unknown>>;

export interface GraphqlList {
  readonly field: string;
  /** A pointer to the list in what the field gives, `/nodes`; the field is the list itself when absent. */
  readonly items?: string | undefined;
  /** A pointer from an element of the list to the row in it, `/node`; the element is the row when absent. */
  readonly item?: string | undefined;
  readonly count?: string | undefined;
  readonly arguments?: ArgumentTypes | undefined;
  readonly constants?: Constants | undefined;
  readonly filters?: Filters | undefined;
  readonly pages?: GraphqlPages | undefined;
  readonly order?: { readonly argument: string; readonly by: Readonly<Record<string, { readonly asc?: unknown; readonly desc?: unknown }>> } | undefined;
}

/** How the rows of a dataset are had from another GraphQL API. */
export interface GraphqlRows {
  readonly list?: GraphqlList | undefined;
  /** `keys`: by field of the key, the argument that takes its value. */
  readonly get?:
    | { readonly field: string; readonly arguments: ArgumentTypes; readonly keys: Readonly<Record<string, string>>; readonly item?: string | undefined }
    | undefined;
  readonly batch?:
    | {
        readonly field: string;
        readonly items?: string | undefined;
        readonly item?: string | undefined;
        readonly argument: string;
        readonly arguments: ArgumentTypes;
        readonly constants?: Constants | undefined;
        readonly max?: number | undefined;
      }
    | undefined;
  readonly limits?: SaidLimits | undefined;
}

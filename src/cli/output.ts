/** Where a command writes: lines for people or programs, and lines about what is wrong. */
export interface Output {
  readonly print: (line: string) => void;
  readonly complain: (line: string) => void;
  /** How wide the terminal is; undefined where there is none. */
  readonly columns?: number | undefined;
}

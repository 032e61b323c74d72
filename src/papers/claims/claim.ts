export interface Claim {
  readonly id: string;
}

/** The component, for use in other programs. */
export { RotatingLinkerd, type TrustAnchorStatus } from "./rotatingLinkerd.ts";
export type * from "./rotatingLinkerdArgs.ts";

/** Exit codes of every command, by the verdict. */
export const exitCodes = { ok: 0, warning: 1, error: 2 } as const;

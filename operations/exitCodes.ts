/** Exit codes of every command, by its verdict; what could not be read is an error. */
export const exitCodes = { ok: 0, warning: 1, error: 2 } as const;

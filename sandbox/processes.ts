/** Processes as the kernel shows them in `/proc`. */
import { readdirSync, readFileSync } from "node:fs";

export const processIds = () => readdirSync("/proc").map(Number).filter(Number.isInteger);

/** A file of a process; empty if the process has ended. */
export function readProcess(pid: number, file: "cmdline" | "stat" | "status"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** What `/proc/<pid>/stat` says of a process, or `undefined` if it has ended; times are in the kernel's clock ticks. */
export function processStat(pid: number) {
  const text = readProcess(pid, "stat");
  // The program's name, in parentheses, may hold spaces. After it, field n of proc_pid_stat(5) is at n - 3.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (text === "" || fields[0] === "Z") return undefined;
  const cpuTicks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return {
    parent: Number(fields[1]),
    group: Number(fields[2]),
    /** Its own, and that of its children that have ended. */
    cpuTicks,
    startTicks: fields[19]!,
  };
}

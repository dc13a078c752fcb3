import { PROGRAMS } from "./programs.ts";

export const SIZE = { columns: 90, rows: 20 };
export const P2PCHAT = `${process.execPath} ${PROGRAMS.p2pchat}`;

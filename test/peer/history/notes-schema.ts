/** A database small enough to see through. */
export const NOTES = [
  `CREATE TABLE peers (id INTEGER PRIMARY KEY) STRICT;
   CREATE TABLE notes (id INTEGER PRIMARY KEY, peer INTEGER REFERENCES peers, body BLOB) STRICT`,
];

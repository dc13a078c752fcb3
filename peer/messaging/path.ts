/**
 * Which way a message went: straight to an address of the device, straight through a hole that both sides punched into
 * their NATs, through a relay while both are connected to it, or left in a mailbox.
 */
export type Path = "direct" | "punched" | "relay" | "mailbox";

/** Whether this profile is to be on no list of who is online: then its addresses are not published. */
export interface Hiding {
  readonly hidden: boolean;
  /** On disk once it resolves. @throws ChatError STORAGE */
  set(hidden: boolean): Promise<void>;
}

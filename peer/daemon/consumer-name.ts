const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** What a consumer may be called by a person or a program; the names of tokens' places are no such. */
export function isConsumerName(text: string): boolean {
  return NAME.test(text);
}

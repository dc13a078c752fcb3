/** A whole number from 0 to below 10^15, spelled the one way there is: what requests count by. */
export const WHOLE_NUMBER = /^(0|[1-9]\d{0,14})$/;

// A user with a browser, at the level of HTTP, from a client address of their own. Behaviour that
// only a real browser has is tested in test/browser.
import { PageUser } from "../../entrypoints/cli/connect/page-user.ts";
import { ADDRESS_HEADER, newAddress } from "./address.ts";

export {
  type Account,
  type AuthorizeOptions,
  continueUrl,
  linkTo,
  newAccount,
  type Page,
} from "../../entrypoints/cli/connect/page-user.ts";

export class User extends PageUser {
  /** The address that requests come from. */
  readonly address: string;

  constructor(address = newAddress()) {
    super({ [ADDRESS_HEADER]: address });
    this.address = address;
  }
}

// A person with an account: signs up on the account page, has an API key, and can delete it all.
import { postRequest } from "./mcp-requests.ts";
import type { System } from "./system.ts";
import { type Account, linkTo, newAccount, type Page, User } from "./user.ts";

/** Fields of the form that deletes the account. */
export const CONFIRMED = { confirmation: "delete my account" };

interface ToolResult {
  readonly structuredContent?: Record<string, unknown>;
  readonly isError?: boolean;
}

export class Person {
  readonly system: System;
  readonly account: Account;
  readonly user = new User();
  /** An API key with all scopes. */
  key = "";

  private constructor(system: System, account: Account) {
    this.system = system;
    this.account = account;
  }

  /** Signs up and makes a key. */
  static async signUp(system: System, account = newAccount()): Promise<Person> {
    const person = new Person(system, account);
    const login = await person.open("/apps");
    const signUp = await person.user.open(linkTo(login, "/signup"));
    const page = await person.user.submit(signUp, "/signup", { ...account });
    person.key = await person.newKey("live", page);
    return person;
  }

  /** The person of an account that exists, in a new browser and without a key. */
  static async signIn(system: System, account: Account): Promise<Person> {
    const person = new Person(system, account);
    const { email, password } = account;
    await person.user.submit(await person.open("/apps"), "/login", { email, password });
    return person;
  }

  /** The same browser, with cookies of its own from now on: another tab that does not wait. */
  copy(): Person {
    const copy = new Person(this.system, this.account);
    for (const [name, value] of this.user.cookies) copy.user.cookies.set(name, value);
    copy.key = this.key;
    return copy;
  }

  open(path: string): Promise<Page> {
    return this.user.open(new URL(path, this.system.origin));
  }

  async newKey(environment: "live" | "test", page?: Page): Promise<string> {
    const fields = { name: "CI", environment, scope: "generate", days: "90" };
    const made = await this.user.submit(page ?? (await this.open("/apps")), "/apps/keys", fields);
    const [, key] = /<code class="secret">([^<]*)</.exec(made.html) ?? [];
    if (key === undefined) throw new Error(`No key on this page:\n${made.html}`);
    return key;
  }

  /** The response to a call of a tool with the key. */
  post(name: string, args: object = {}, key = this.key): Promise<Response> {
    return postRequest(this.system, key, { method: "tools/call", params: { name, arguments: args } });
  }

  async call(name: string, args: object = {}, key = this.key): Promise<ToolResult> {
    const { result } = (await (await this.post(name, args, key)).json()) as { result: ToolResult };
    return result;
  }

  /** The page that deletes the account, filled in and sent. */
  async deleteAccount(fields: Record<string, string> = {}): Promise<Page> {
    const { password } = this.account;
    return this.user.submit(await this.open("/apps/delete"), "/apps/delete", { ...CONFIRMED, password, ...fields });
  }

  /** The person's ids; `null` without an account. */
  async ids(): Promise<{ userId: string; tenantId: string } | null> {
    const { DB } = (await this.system.worker("auth").getEnv()) as { DB: D1Database };
    return DB.prepare(
      "SELECT u.id AS userId, t.id AS tenantId FROM user u JOIN tenants t ON t.user_id = u.id WHERE email = ?",
    )
      .bind(this.account.email)
      .first();
  }
}

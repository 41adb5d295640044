// The browser of the client programs: opens the address of a sign-in as a user of the gateway's
// pages, signs up or in, allows access and follows the redirect to the program.
import { type Account, PageUser } from "../../entrypoints/cli/connect/page-user.ts";

const [, , address = ""] = process.argv;
const account = JSON.parse(process.env.CLIENT_ACCOUNT ?? "") as Account; // written by desk.ts
const redirect = await new PageUser().authorize(address, account); // an existing account is signed in
await fetch(redirect);

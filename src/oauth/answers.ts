// Answers that several routes of the door share: how each kind of trouble is told to a person.

import { respond } from "./pages/page.ts";
import type { Problem } from "./pages/plain.ts";
import { problemPage } from "./pages/plain.ts";
import type { Visit } from "./visit.ts";

/** A problem as a page. */
export function refuse(visit: Visit, problem: Problem): Promise<Response> {
  return respond(visit.config.issuer, problemPage(problem));
}

/** The auth service gave no answer: never "wrong password", never a half-made account. */
export function authUnavailable(visit: Visit): Promise<Response> {
  return refuse(visit, {
    status: 503,
    title: "Sign-in is not available right now",
    text: "The service that knows your account does not answer. Nothing was changed. Wait a moment, then reload this page or start again from your app.",
    traceId: visit.trace.traceId,
    headers: { "Retry-After": "10" },
  });
}

/** The browser does not hold the transaction that the address names, or the address names none. */
export function noTransaction(visit: Visit): Promise<Response> {
  const text = visit.url.searchParams.has("tx")
    ? "This sign-in has ended, was already used, or was started in another browser. Go back to your app and connect again."
    : "Signing in always begins in your app: connect it there, and this page opens by itself.";
  const isPlainHttp = visit.config.issuer.startsWith("http:");
  return refuse(visit, {
    status: 400,
    title: "Start again from your app",
    text: isPlainHttp ? `${text} On a local address, Safari keeps no sign-in cookies: use Chrome, Edge or Firefox there.` : text,
    link: { href: "/", label: "About this gateway" },
  });
}

/** The form was made for an earlier step, or not by us. */
export function staleForm(visit: Visit, transactionId: string): Promise<Response> {
  return refuse(visit, {
    status: 400,
    title: "This page was out of date",
    text: "The form belongs to an earlier step of this sign-in, so it was not used.",
    link: { href: `/login?tx=${transactionId}`, label: "Sign in again" },
  });
}

/** The decision on this request has been made before. */
export function alreadyUsed(visit: Visit, cookies: readonly string[]): Promise<Response> {
  return refuse(visit, {
    status: 400,
    title: "Already used",
    text: "This request has been answered before. If your app is not connected, start again from there.",
    link: { href: "/", label: "About this gateway" },
    cookies,
  });
}

/** The metadata document that a client id points to cannot be had, or describes somebody else. The library has logged it. */
export function unreadableClient(visit: Visit): Promise<Response> {
  return refuse(visit, {
    status: 400,
    title: "This app could not be checked",
    text: "The description that the app points to could not be read, or it does not describe this app. Start again from your app in a moment.",
  });
}

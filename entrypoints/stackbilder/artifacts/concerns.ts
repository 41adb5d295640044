// What commonly follows from what a product does: the risk it brings, what holds the risk, which part and data it needs, how one
// proves it. A concern is taken up only where the brief mentions it; the others become non-goals.

export interface Concern {
  readonly name: string;
  readonly pattern: RegExp;
  readonly risk: string;
  readonly mitigation: string;
  /** 1 (an annoyance) to 3 (ends the project). */
  readonly impact: 1 | 2 | 3;
  readonly component: string;
  readonly entity: string;
  readonly fields: string;
  readonly test: string;
}

export const CONCERNS: readonly Concern[] = [
  {
    name: "Payments",
    pattern:
      /\bpa(y|id)|invoice|billing|checkout|subscri|refund|payout|price|zahl|rechnung|paiement|pago|支払|決済|付款|支付|料金/iu,
    risk: "Money is taken twice, or taken without the thing paid for",
    mitigation: "One idempotency key a payment, and a ledger that is reconciled with the provider every day",
    impact: 3,
    component: "Ledger",
    entity: "Payment",
    fields: "id, payer, amountCents, currency, idempotencyKey, state",
    test: "sending one payment twice charges once",
  },
  {
    name: "Accounts",
    pattern:
      /log ?in|sign[- ]?(in|up)|account|password|user|member|profile|role|permission|anmeld|konto|compte|cuenta|ログイン|会員|登录|用户/iu,
    risk: "Somebody acts in another person's name",
    mitigation: "Sign-in is delegated to one identity provider; every query carries the owner it is limited to",
    impact: 3,
    component: "Identity",
    entity: "Account",
    fields: "id, email, role, createdAt",
    test: "a record of one account is 'not found' to every other account",
  },
  {
    name: "Personal data",
    pattern:
      /patient|health|medical|address|personal|privacy|gdpr|hipaa|child|kids|email|phone|gesundheit|datenschutz|santé|salud|患者|個人|医|隐私/iu,
    risk: "Personal data is seen by people who have no need for it, or kept for longer than agreed",
    mitigation:
      "Each field has an owner, a purpose and an end date; access is logged; export and deletion exist from the first release",
    impact: 3,
    component: "Consent and retention",
    entity: "Consent",
    fields: "subject, purpose, givenAt, withdrawnAt",
    test: "deleting a person leaves no field that names them",
  },
  {
    name: "Files and media",
    pattern:
      /upload|photo|image|picture|video|file|document|pdf|attachment|scan|foto|bild|datei|fichier|archivo|写真|画像|動画|图片|文件/iu,
    risk: "Uploads are huge, hostile or not what they claim to be",
    mitigation: "Size and type are checked from the bytes; files are served from an origin of their own",
    impact: 2,
    component: "File store",
    entity: "File",
    fields: "id, owner, mediaType, sizeBytes, sha256",
    test: "a script named photo.png is refused",
  },
  {
    name: "Messages",
    pattern:
      /notif|remind|alert|sms|message|chat|newsletter|push|e-?mail|nachricht|erinner|rappel|aviso|通知|メッセージ|消息|提醒/iu,
    risk: "Messages are lost, sent twice, or sent to somebody who asked not to be written to",
    mitigation:
      "An outbox written in the same transaction as the event, one delivery key a message, and a suppression list",
    impact: 2,
    component: "Outbox",
    entity: "Message",
    fields: "id, recipient, template, deliveryKey, sentAt",
    test: "a retry after a timeout sends no second message",
  },
  {
    name: "Scheduling",
    pattern:
      /book|calendar|appointment|schedul|slot|reserv|rota|shift|termin|buch(en|ung)|réserv|cita|予約|日程|预约|カレンダー/iu,
    risk: "Two people get the same slot, or a time means different hours to different people",
    mitigation:
      "Slots are taken in one transaction with a uniqueness rule; times are stored in UTC with the zone beside them",
    impact: 3,
    component: "Calendar",
    entity: "Slot",
    fields: "id, resource, startsAt, endsAt, timeZone, takenBy",
    test: "two bookings of one slot at the same moment: one wins, one is told so",
  },
  {
    name: "Live data",
    pattern:
      /real[- ]?time|\blive\b|track|gps|location|map|stream|sensor|telemetry|echtzeit|temps réel|リアルタイム|地図|实时|位置/iu,
    risk: "People act on positions or readings that are old",
    mitigation:
      "Every reading shows its age; after a stated time without news the view says so instead of showing the last value",
    impact: 2,
    component: "Live feed",
    entity: "Reading",
    fields: "source, value, measuredAt, receivedAt",
    test: "a source that falls silent is shown as silent",
  },
  {
    name: "Offline use",
    pattern:
      /offline|sync|no (signal|network|internet)|rural|field work|hors ligne|sin conexión|オフライン|同期|离线/iu,
    risk: "Two devices change the same thing while apart, and one change disappears",
    mitigation: "Changes are kept as operations with a clock; conflicts are shown to a person, never dropped",
    impact: 2,
    component: "Sync",
    entity: "Change",
    fields: "id, device, record, operation, clock",
    test: "two offline edits of one record both survive the sync",
  },
  {
    name: "Integrations",
    pattern:
      /\bapi\b|webhook|integrat|import|export|connect|slack|github|salesforce|excel|csv|schnittstelle|連携|接口|集成/iu,
    risk: "A partner's system changes, slows down or sends nonsense",
    mitigation:
      "One adapter a partner with a contract test, a deadline on every call, and a queue between it and the core",
    impact: 2,
    component: "Adapters",
    entity: "Delivery",
    fields: "id, partner, payload, attempts, state",
    test: "a partner that hangs does not slow down anything else",
  },
  {
    name: "Search",
    pattern: /search|find|filter|match|recommend|discover|brows|such(e|en)|recherche|busca|検索|搜索|推荐/iu,
    risk: "What exists is not found, so people believe that it does not exist",
    mitigation: "The index is rebuilt from the records at any time; an empty result offers the nearest ones",
    impact: 1,
    component: "Index",
    entity: "Entry",
    fields: "id, text, facets, indexedAt",
    test: "a record can be found seconds after it was saved",
  },
  {
    name: "Machine learning",
    pattern:
      /\bai\b|\bllm|machine learning|predict|classif|generat|assistant|chatbot|model|\bki\b|人工知能|生成|智能/iu,
    risk: "A confident wrong answer is taken for a right one",
    mitigation:
      "Answers carry their sources; a set of known questions is scored before each release; a person can correct every answer",
    impact: 2,
    component: "Model gateway",
    entity: "Answer",
    fields: "id, question, sources, model, score",
    test: "a question outside of the sources is answered with 'not known'",
  },
  {
    name: "Reports",
    pattern:
      /report|analytic|dashboard|statistic|chart|insight|metric|kpi|bericht|auswert|rapport|informe|レポート|分析|报表|统计/iu,
    risk: "Two reports show different numbers for the same thing",
    mitigation: "Each figure has one definition in one place, with its time zone and its cut-off",
    impact: 1,
    component: "Reporting",
    entity: "Figure",
    fields: "name, definition, period, value",
    test: "the total of a period is the sum of its days",
  },
];

/** The concerns that a text brings up. */
export function concernsIn(text: string): readonly Concern[] {
  return CONCERNS.filter(({ pattern }) => pattern.test(text));
}

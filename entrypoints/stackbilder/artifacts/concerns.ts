// Common concerns of products. Each has a risk, its mitigation, the component and the data that it
// needs, and a test. A concern applies if the brief mentions it; the others become non-goals.

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
    risk: "A customer is charged twice, or charged without receiving the product",
    mitigation: "One idempotency key per payment, and a ledger that is reconciled with the provider every day",
    impact: 3,
    component: "Ledger",
    entity: "Payment",
    fields: "id, payer, amountCents, currency, idempotencyKey, state",
    test: "a payment that is sent twice is charged once",
  },
  {
    name: "Accounts",
    pattern:
      /log ?in|sign[- ]?(in|up)|account|password|user|member|profile|role|permission|anmeld|konto|compte|cuenta|ログイン|会員|登录|用户/iu,
    risk: "A user acts under another user's account",
    mitigation: "Sign-in is delegated to one identity provider; every query is limited to one owner",
    impact: 3,
    component: "Identity",
    entity: "Account",
    fields: "id, email, role, createdAt",
    test: "a record of one account is 'not found' for every other account",
  },
  {
    name: "Personal data",
    pattern:
      /patient|health|medical|address|personal|privacy|gdpr|hipaa|child|kids|email|phone|gesundheit|datenschutz|santé|salud|患者|個人|医|隐私/iu,
    risk: "Personal data is visible to people who do not need it, or is kept for longer than agreed",
    mitigation:
      "Each field has an owner, a purpose and an end date; access is logged; export and deletion exist from the first release",
    impact: 3,
    component: "Consent and retention",
    entity: "Consent",
    fields: "subject, purpose, givenAt, withdrawnAt",
    test: "deleting a user leaves no field that identifies them",
  },
  {
    name: "Files and media",
    pattern:
      /upload|photo|image|picture|video|file|document|pdf|attachment|scan|foto|bild|datei|fichier|archivo|写真|画像|動画|图片|文件/iu,
    risk: "Uploads are too large, malicious or not of the declared type",
    mitigation: "Size and type are checked from the content; files are served from a separate origin",
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
    risk: "Messages are lost, sent twice, or sent to users who have unsubscribed",
    mitigation:
      "An outbox that is written in the same transaction as the event, one delivery key per message, and a suppression list",
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
    risk: "Two users book the same slot, or a time is read in different time zones",
    mitigation:
      "Slots are booked in one transaction with a uniqueness constraint; times are stored in UTC together with their time zone",
    impact: 3,
    component: "Calendar",
    entity: "Slot",
    fields: "id, resource, startsAt, endsAt, timeZone, takenBy",
    test: "of two simultaneous bookings of one slot, one succeeds and the other is refused",
  },
  {
    name: "Live data",
    pattern:
      /real[- ]?time|\blive\b|track|gps|location|map|stream|sensor|telemetry|echtzeit|temps réel|リアルタイム|地図|实时|位置/iu,
    risk: "Users act on outdated positions or readings",
    mitigation:
      "Every reading shows its age; after a defined time without updates, the view says so instead of showing the last value",
    impact: 2,
    component: "Live feed",
    entity: "Reading",
    fields: "source, value, measuredAt, receivedAt",
    test: "a source that stops sending is shown as offline",
  },
  {
    name: "Offline use",
    pattern:
      /offline|sync|no (signal|network|internet)|rural|field work|hors ligne|sin conexión|オフライン|同期|离线/iu,
    risk: "Two offline devices change the same record, and one change is lost",
    mitigation: "Changes are stored as operations with a logical clock; conflicts are shown to a user, never dropped",
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
    risk: "A partner's system changes, slows down or sends invalid data",
    mitigation:
      "One adapter per partner with a contract test, a timeout on every call, and a queue between it and the core",
    impact: 2,
    component: "Adapters",
    entity: "Delivery",
    fields: "id, partner, payload, attempts, state",
    test: "a partner that hangs does not slow down anything else",
  },
  {
    name: "Search",
    pattern: /search|find|filter|match|recommend|discover|brows|such(e|en)|recherche|busca|検索|搜索|推荐/iu,
    risk: "Existing records are not found, so users assume that they do not exist",
    mitigation: "The index can be rebuilt from the records at any time; an empty result offers the closest matches",
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
    risk: "Users trust an answer that is confident and wrong",
    mitigation:
      "Answers cite their sources; a set of known questions is scored before each release; users can correct every answer",
    impact: 2,
    component: "Model gateway",
    entity: "Answer",
    fields: "id, question, sources, model, score",
    test: "a question that the sources do not cover gets the answer 'not known'",
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

/** The concerns that a text mentions. */
export function concernsIn(text: string): readonly Concern[] {
  return CONCERNS.filter(({ pattern }) => pattern.test(text));
}

// TDD: the tests to write first, each as one sentence that is true of the finished product.
import { concernsIn } from "./concerns.ts";
import {
  type Assignment,
  bullets,
  type Draft,
  headline,
  markdownOf,
  type Point,
  pointsOf,
  type Section,
  table,
  textOf,
} from "./draft.ts";

/** Cells of one test: the id that it proves, its component, its kind and its sentence. */
type Row = readonly [proves: string, component: string, kind: string, sentence: string];

const ORDER = "From top to bottom. Write a test, see it fail, then write the code that makes it pass.";

export function writeTests(assignment: Assignment): Draft {
  const { brief } = assignment;
  const rows = [
    ...goalTests(assignment),
    ...riskTests(assignment),
    ...briefTests(assignment),
    ...failureTests(assignment),
  ];
  const points = rows.map(([proves, , , sentence], index) => ({
    id: `T${index + 1}`,
    text: `${sentence} (${proves})`,
  }));
  const title = `Tests: ${brief.name}`;
  const markdown = markdownOf(title, [
    ["Order", ORDER],
    ["Tests", testTable(rows)],
    ["Test data", bullets(brief.subjects.slice(0, 6).map(testData))],
    ...advice(assignment),
  ]);
  return { title, markdown, points };
}

function goalTests(assignment: Assignment): Row[] {
  return pointsOf(assignment, "PRODUCT").flatMap(({ id, text }): Row[] => [
    [id, "C1, C2", "end to end", `${text}: works for a first-time user`],
    [id, "C2", "unit", `${text}: invalid input is refused and changes nothing`],
  ]);
}

function riskTests(assignment: Assignment): Row[] {
  const concerns = concernsIn(textOf(assignment));
  const components = pointsOf(assignment, "ARCHITECT");
  const idOf = (name: string) => components.find(({ text }) => text.startsWith(`${name}:`))?.id ?? "C2";
  return pointsOf(assignment, "RISK").map(({ id, text }): Row => {
    const concern = concerns.find(({ risk }) => risk === text);
    if (concern) return [id, idOf(concern.component), "integration", concern.test];
    return [id, "C2", "measurement", `${text}: every build records the figure`];
  });
}

function briefTests({ brief }: Assignment): Row[] {
  return [
    ...brief.constraints.map((constraint): Row => ["brief", "C2", "measurement", headline(constraint)]),
    ...brief.keywords.map(
      (keyword): Row => [
        "keyword",
        "C2",
        "contract",
        `${headline(keyword)}: every build replays one recorded request and response`,
      ],
    ),
  ];
}

function failureTests(assignment: Assignment): Row[] {
  if (assignment.revision === 0) return [];
  return pointsOf(assignment, "ARCHITECT").map(({ id, text }): Row => {
    const name = text.split(":")[0];
    return ["revision", id, "failure", `without ${name}, everything that does not need it keeps working`];
  });
}

function testTable(rows: readonly Row[]): string {
  if (rows.length === 0) return "There is nothing to test yet.";
  return table(
    ["Id", "Proves", "In", "Kind", "Sentence"],
    rows.map((row, index) => [`T${index + 1}`, ...row]),
  );
}

function testData(subject: string): string {
  return `${subject}: a typical one, an empty one, one in another script, one that is far too long`;
}

/** The sections that depend on the profile. */
function advice(assignment: Assignment): Section[] {
  const { profile } = assignment;
  const real = pointsOf(assignment, "ARCHITECT")
    .slice(1, 3)
    .map(({ id, text }: Point) => `${id} ${text.split(":")[0]}: tests use the real component.`);
  const sessions = pointsOf(assignment, "PRODUCT")
    .slice(0, 3)
    .map(({ id, text }) => `${id}: try to break “${text}” for twenty minutes.`);
  return [
    ["Not faked", profile === "strict" ? "" : bullets(real)],
    ["Exploratory testing", profile === "exploratory" ? bullets(sessions) : ""],
  ];
}

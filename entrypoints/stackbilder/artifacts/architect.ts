// ARCHITECT: components, data, interfaces, and the decisions that follow from the risks.
import { termIn } from "../brief.ts";
import { type Concern, concernsIn } from "./concerns.ts";
import {
  type Assignment,
  breadth,
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

interface Component {
  readonly name: string;
  readonly responsibility: string;
}

export function writeArchitecture(assignment: Assignment): Draft {
  const { brief } = assignment;
  const concerns = concernsIn(textOf(assignment));
  const components = componentsOf(assignment, concerns);
  const points = components.map(({ name, responsibility }, index) => ({
    id: `C${index + 1}`,
    text: `${name}: ${responsibility}`,
  }));
  const title = `Architecture: ${brief.name}`;
  const markdown = markdownOf(title, [
    [
      "Components",
      table(
        ["Id", "Component", "Responsibility"],
        components.map(({ name, responsibility }, index) => [`C${index + 1}`, name, responsibility]),
      ),
    ],
    ["Data", dataTable(assignment, concerns)],
    ["Interfaces", interfaceTable(assignment)],
    ["Decisions", decisionTable(assignment, concerns)],
    [
      "Named technologies",
      bullets(
        brief.keywords.map(
          (keyword) =>
            `**${keyword}**: behind the interface of the component that uses it, so that it can be replaced.`,
        ),
      ),
    ],
    ...variants(assignment, points),
  ]);
  return { title, markdown, points };
}

function subjectOf({ brief }: Assignment): string {
  return brief.subjects[0] ?? "product";
}

function componentsOf(assignment: Assignment, concerns: readonly Concern[]): Component[] {
  const { brief } = assignment;
  const goals = pointsOf(assignment, "PRODUCT");
  const journeys = pointsOf(assignment, "UX");
  const subjects = brief.subjects.slice(0, 3).join(", ") || "the product";
  return [
    { name: "Front end", responsibility: `Guides users through ${range(journeys)}; contains no business rules` },
    {
      name: `${headline(subjectOf(assignment))} core`,
      responsibility: `All rules about ${subjects}; implements ${range(goals)}`,
    },
    ...concerns.map(({ component, name, mitigation }) => ({
      name: component,
      responsibility: `${name}. ${mitigation}`,
    })),
  ];
}

function dataTable(assignment: Assignment, concerns: readonly Concern[]): string {
  const fields = assignment.brief.subjects.slice(1, 4).join(", ") || "state";
  return table(
    ["Entity", "Fields", "Stored by"],
    [
      [headline(subjectOf(assignment)), `id, owner, ${fields}, createdAt`, "C2"],
      ...concerns.map((concern, index) => [concern.entity, concern.fields, `C${index + 3}`]),
    ],
  );
}

function interfaceTable(assignment: Assignment): string {
  const goals = pointsOf(assignment, "PRODUCT");
  if (goals.length === 0) return "";
  const rows = goals.map(({ id, text }) => {
    const subject = termIn(text, assignment.brief.subjects) ?? subjectOf(assignment);
    return [id, text, "C1 → C2", `${subject} not found; not permitted; invalid input`];
  });
  return table(["For", "Operation", "Between", "Errors"], rows);
}

function decisionTable(assignment: Assignment, concerns: readonly Concern[]): string {
  const risks = pointsOf(assignment, "RISK").slice(0, breadth(assignment));
  if (risks.length === 0) return "";
  const rows = risks.map(({ id, text }, index) => {
    const concern = concerns.find(({ risk }) => risk === text);
    const decision = concern
      ? `${concern.component} is a separate component. ${concern.mitigation}`
      : "The core measures it in production from the first day";
    return [`D${index + 1}`, decision, `${id}: ${text}`];
  });
  return table(["Id", "Decision", "Reason"], rows);
}

/** The sections that depend on the profile and the revision. */
function variants({ profile, revision }: Assignment, components: readonly Point[]): Section[] {
  const alternatives = [
    `One deployable with ${components.length} modules.`,
    "A queue between C1 and C2 for all work that can be deferred.",
  ];
  const failures = components.map(({ id, text }) => {
    const name = text.split(":")[0];
    return `${id} fails alone: ${name} returns a documented error, and the other components keep working.`;
  });
  return [
    ["Alternatives", profile === "exploratory" ? bullets(alternatives) : ""],
    [`Revision ${revision}`, revision > 0 ? bullets(failures) : ""],
  ];
}

/** `G1 to G4` for the ids of consecutive points. */
function range(points: readonly Point[]): string {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return "the product";
  return first === last ? first.id : `${first.id} to ${last.id}`;
}

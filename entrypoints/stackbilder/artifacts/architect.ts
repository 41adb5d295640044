// ARCHITECT: parts, data, interfaces, and the decisions that the risks force.
import { termIn } from "../brief.ts";
import { concernsIn } from "./concerns.ts";
import {
  type Assignment,
  breadth,
  bullets,
  type Draft,
  headline,
  markdownOf,
  type Point,
  pointsOf,
  table,
} from "./draft.ts";

export function architect(assignment: Assignment): Draft {
  const { brief, profile, revision } = assignment;
  const goals = pointsOf(assignment, "PRODUCT");
  const journeys = pointsOf(assignment, "UX");
  const risks = pointsOf(assignment, "RISK");
  const concerns = concernsIn([brief.description, ...brief.keywords].join(" "));
  const subject = brief.things[0] ?? "product";
  const parts = [
    { name: "Front", does: `Walks people through ${range(journeys)}; holds no rule of its own` },
    {
      name: `${headline(subject)} core`,
      does: `Every rule about ${brief.things.slice(0, 3).join(", ") || "the product"}; serves ${range(goals)}`,
    },
    ...concerns.map(({ component, name, mitigation }) => ({ name: component, does: `${name}. ${mitigation}` })),
  ];
  const components: Point[] = parts.map(({ name, does }, index) => ({ id: `C${index + 1}`, text: `${name}: ${does}` }));
  const decisions = risks.slice(0, breadth(assignment)).map(({ id, text }, index) => {
    const concern = concerns.find((one) => one.risk === text);
    const decision = concern
      ? `${concern.component} is a part of its own. ${concern.mitigation}`
      : "It is measured by the core, in production, from the first day";
    return [`D${index + 1}`, decision, `${id}: ${text}`];
  });
  const title = `Architecture: ${brief.name}`;
  const markdown = markdownOf(title, [
    [
      "Components",
      table(
        ["Id", "Component", "Does"],
        parts.map(({ name, does }, index) => [`C${index + 1}`, name, does]),
      ),
    ],
    [
      "Data",
      table(
        ["Entity", "Fields", "Kept by"],
        [
          [headline(subject), `id, owner, ${brief.things.slice(1, 4).join(", ") || "state"}, createdAt`, "C2"],
          ...concerns.map(({ entity, fields }, index) => [entity, fields, `C${index + 3}`]),
        ],
      ),
    ],
    [
      "Interfaces",
      goals.length === 0
        ? ""
        : table(
            ["For", "Operation", "Between", "Refuses with"],
            goals.map(({ id, text }) => {
              const thing = termIn(text, brief.things) ?? subject;
              return [id, text, "C1 → C2", `${thing} not found; not permitted; input does not fit`];
            }),
          ),
    ],
    ["Decisions", decisions.length === 0 ? "" : table(["Id", "Decision", "Because of"], decisions)],
    [
      "Named technologies",
      bullets(
        brief.keywords.map(
          (keyword) => `**${keyword}**: behind the interface of the part that uses it, so that it can be replaced.`,
        ),
      ),
    ],
    [
      "Alternatives",
      profile === "exploratory"
        ? bullets([
            `One deployable with ${parts.length} modules.`,
            "A queue between C1 and C2 for everything that may wait.",
          ])
        : "",
    ],
    [
      `Revision ${revision}`,
      revision > 0
        ? bullets(
            components.map(
              ({ id, text }) =>
                `${id} alone fails: ${text.split(":")[0]} answers with a stated refusal, and the others go on.`,
            ),
          )
        : "",
    ],
  ]);
  return { title, markdown, points: components };
}

function range(points: readonly Point[]): string {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return "the product";
  return first === last ? first.id : `${first.id} to ${last.id}`;
}

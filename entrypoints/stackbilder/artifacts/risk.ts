// RISK: what can go wrong, how likely and how bad, and what is done about it before it happens.
import { mentions } from "../brief.ts";
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
  table,
} from "./draft.ts";

interface Row {
  readonly risk: string;
  /** Ids of the goals and journeys that it touches. */
  readonly touches: readonly string[];
  readonly impact: number;
  readonly mitigation: string;
}

const LEVELS = ["", "low", "medium", "high"] as const;

export function risk(assignment: Assignment): Draft {
  const { brief, profile, revision } = assignment;
  const goals = pointsOf(assignment, "PRODUCT");
  const journeys = pointsOf(assignment, "UX");
  const text = [brief.description, ...brief.keywords].join(" ");
  const rows = [
    ...concernsIn(text).map((concern) => fromConcern(concern, [...goals, ...journeys])),
    ...brief.constraints.map((constraint) => fromConstraint(constraint, [...goals, ...journeys])),
    ...brief.keywords.map(fromKeyword),
    ...gapsIn(assignment),
  ];
  // The worst first; equals stay in the order of the brief.
  const ranked = rows
    .toSorted((a, b) => likelihood(b) * b.impact - likelihood(a) * a.impact)
    .slice(0, 2 * breadth(assignment));
  const points: Point[] = ranked.map((row, index) => ({ id: `R${index + 1}`, text: row.risk }));
  const title = `Risks: ${brief.name}`;
  const markdown = markdownOf(title, [
    [
      "Risks and mitigations",
      table(
        ["Id", "Risk", "Likelihood", "Impact", "Mitigation", "Touches"],
        ranked.map((row, index) => [
          `R${index + 1}`,
          row.risk,
          LEVELS[likelihood(row)] ?? "",
          LEVELS[row.impact] ?? "",
          row.mitigation,
          row.touches.join(", ") || "everything",
        ]),
      ),
    ],
    [
      "Watched by",
      bullets(
        points
          .slice(0, 3)
          .map(({ id, text: what }) => `${id}: one figure on the first dashboard counts how often “${what}” happens.`),
      ),
    ],
    [
      "Accepted",
      profile === "exploratory"
        ? bullets(points.slice(3).map(({ id }) => `${id} may be accepted for a first trial with a few users.`))
        : "",
    ],
    [
      `Revision ${revision}`,
      revision > 0
        ? bullets(journeys.map(({ id, text: journey }) => `${id}, halfway: ${journey} must leave nothing half done.`))
        : "",
    ],
  ]);
  return { title, markdown, points };
}

function fromConcern({ pattern, risk: what, mitigation, impact }: Concern, points: readonly Point[]): Row {
  return {
    risk: what,
    mitigation,
    impact,
    touches: points.filter(({ text }) => pattern.test(text)).map(({ id }) => id),
  };
}

function fromConstraint(constraint: string, points: readonly Point[]): Row {
  return {
    risk: `“${headline(constraint)}” is found not to hold, late`,
    mitigation: "It is measured from the first working version on, and a build that breaks it does not ship",
    impact: 2,
    touches: points.filter(({ text }) => mentions(text, constraint) || mentions(constraint, text)).map(({ id }) => id),
  };
}

function fromKeyword(keyword: string): Row {
  return {
    risk: `${headline(keyword)} changes, fails or turns out not to fit`,
    mitigation: "It is tried in a day's work before anything depends on it, and used behind an interface",
    impact: 1,
    touches: [],
  };
}

/** What the brief leaves open is a risk by itself. */
function gapsIn({ brief }: Assignment): Row[] {
  const gaps: Row[] = [];
  if (brief.people.length === 0) {
    gaps.push({
      risk: "It is built for nobody in particular",
      mitigation: "Five talks with one kind of user before the design is fixed",
      impact: 3,
      touches: [],
    });
  }
  if (brief.constraints.length === 0) {
    gaps.push({
      risk: "Nobody can say when it is good enough: the brief has no figure and no limit",
      mitigation: "One number for each goal is agreed before it is started",
      impact: 2,
      touches: [],
    });
  }
  return gaps;
}

/** The more goals it touches, the likelier it happens: 1 to 3. */
function likelihood({ touches }: Row): number {
  return Math.min(3, 1 + touches.filter((id) => id.startsWith("G")).length);
}

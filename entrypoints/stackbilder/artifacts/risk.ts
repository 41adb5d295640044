// RISK: the risks of the product with likelihood, impact and a mitigation that comes before the
// damage.
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
  textOf,
} from "./draft.ts";

interface Risk {
  readonly text: string;
  /** Ids of the goals and journeys that it affects. */
  readonly affects: readonly string[];
  /** 1 (low) to 3 (high). */
  readonly impact: number;
  readonly mitigation: string;
}

const LEVELS = ["", "low", "medium", "high"] as const;

export function writeRisks(assignment: Assignment): Draft {
  const { brief, profile, revision } = assignment;
  const journeys = pointsOf(assignment, "UX");
  const risks = rankedRisks(assignment);
  const points = risks.map(({ text }, index) => ({ id: `R${index + 1}`, text }));
  const title = `Risks: ${brief.name}`;
  const markdown = markdownOf(title, [
    ["Risks and mitigations", riskTable(risks)],
    [
      "Monitoring",
      bullets(
        points.slice(0, 3).map(({ id, text }) => `${id}: the first dashboard counts how often “${text}” happens.`),
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
        ? bullets(journeys.map(({ id, text }) => `${id}, interrupted: ${text} must leave no partial result.`))
        : "",
    ],
  ]);
  return { title, markdown, points };
}

/** The risks by likelihood times impact, highest first; equal ones in the order of the brief. */
function rankedRisks(assignment: Assignment): Risk[] {
  const { brief } = assignment;
  const affected = [...pointsOf(assignment, "PRODUCT"), ...pointsOf(assignment, "UX")];
  const risks = [
    ...concernsIn(textOf(assignment)).map((concern) => riskOfConcern(concern, affected)),
    ...brief.constraints.map((constraint) => riskOfConstraint(constraint, affected)),
    ...brief.keywords.map(riskOfKeyword),
    ...risksOfGaps(assignment),
  ];
  return risks
    .toSorted((a, b) => likelihood(b) * b.impact - likelihood(a) * a.impact)
    .slice(0, 2 * breadth(assignment));
}

function riskTable(risks: readonly Risk[]): string {
  const rows = risks.map((risk, index) => [
    `R${index + 1}`,
    risk.text,
    LEVELS[likelihood(risk)] ?? "",
    LEVELS[risk.impact] ?? "",
    risk.mitigation,
    risk.affects.join(", ") || "all",
  ]);
  return table(["Id", "Risk", "Likelihood", "Impact", "Mitigation", "Affects"], rows);
}

function riskOfConcern({ pattern, risk, mitigation, impact }: Concern, points: readonly Point[]): Risk {
  return {
    text: risk,
    mitigation,
    impact,
    affects: points.filter(({ text }) => pattern.test(text)).map(({ id }) => id),
  };
}

function riskOfConstraint(constraint: string, points: readonly Point[]): Risk {
  return {
    text: `“${headline(constraint)}” does not hold, and it is noticed late`,
    mitigation: "Measure it from the first working version on, and do not release a build that breaks it",
    impact: 2,
    affects: points.filter(({ text }) => mentions(text, constraint) || mentions(constraint, text)).map(({ id }) => id),
  };
}

function riskOfKeyword(keyword: string): Risk {
  return {
    text: `${headline(keyword)} changes, fails or proves unsuitable`,
    mitigation: "Evaluate it in one day before anything depends on it, and use it behind an interface",
    impact: 1,
    affects: [],
  };
}

/** Missing information in the brief is a risk of its own. */
function risksOfGaps({ brief }: Assignment): Risk[] {
  const risks: Risk[] = [];
  if (brief.roles.length === 0) {
    risks.push({
      text: "The product has no defined users",
      mitigation: "Interview five users of one kind before the design is fixed",
      impact: 3,
      affects: [],
    });
  }
  if (brief.constraints.length === 0) {
    risks.push({
      text: "Success cannot be measured: the brief contains no figure and no limit",
      mitigation: "Agree on one number for each goal before work on it starts",
      impact: 2,
      affects: [],
    });
  }
  return risks;
}

/** 1 to 3; grows with the number of goals that the risk affects. */
function likelihood({ affects }: Risk): number {
  return Math.min(3, 1 + affects.filter((id) => id.startsWith("G")).length);
}

// PRODUCT: the problem, the users, the goals with their criteria, and the explicit non-goals.
import { mentions, roleIn } from "../brief.ts";
import { CONCERNS, type Concern, concernsIn } from "./concerns.ts";
import {
  type Assignment,
  breadth,
  bullets,
  type Draft,
  headline,
  markdownOf,
  type Point,
  type Section,
  table,
  textOf,
} from "./draft.ts";

export function writeProduct(assignment: Assignment): Draft {
  const { brief, revision } = assignment;
  const goals = brief.capabilities
    .slice(0, breadth(assignment))
    .map((capability, index) => ({ id: `G${index + 1}`, text: headline(capability) }));
  const title = `Product: ${brief.name}`;
  const markdown = markdownOf(title, [
    ["Problem", problem(assignment)],
    ["Users", users(assignment)],
    ["Goals", goalTable(assignment, goals)],
    ["Constraints", bullets(brief.constraints.map(headline))],
    ["Vocabulary", brief.terms.slice(0, 4 * breadth(assignment)).join(", ")],
    ["Keywords without a goal", bullets(unplacedKeywords(assignment, goals))],
    ...scope(assignment),
    [
      `Revision ${revision}`,
      revision > 0 ? bullets(brief.sentences.map((sentence) => `The brief says: ${sentence}`)) : "",
    ],
  ]);
  return { title, markdown, points: goals };
}

function problem({ brief }: Assignment): string {
  if (brief.description !== "") return `> ${brief.description}`;
  return "The brief has no description. This document uses its keywords only.";
}

function users({ brief }: Assignment): string {
  if (brief.roles.length > 0) return bullets(brief.roles.map(headline));
  return "The brief names no users. Name the first user before you build anything.";
}

function goalTable({ brief }: Assignment, goals: readonly Point[]): string {
  if (goals.length === 0) return "The brief contains no goals.";
  const rows = goals.map(({ id, text }, index) => {
    const isMeasured = brief.constraints.some((constraint) => mentions(text, constraint));
    const role = roleIn(text, brief.roles) ?? brief.roles[index % brief.roles.length] ?? "a new user";
    const criterion = `${headline(role)}: completed on the first attempt, without help`;
    return [id, text, isMeasured ? "As stated, measured in use" : criterion];
  });
  return table(["Id", "Goal", "Reached when"], rows);
}

function unplacedKeywords({ brief }: Assignment, goals: readonly Point[]): string[] {
  return brief.keywords
    .filter((keyword) => !goals.some((goal) => mentions(goal.text, keyword)))
    .map((keyword) => `**${keyword}**: covered by every later mode.`);
}

/** The sections about concerns that the brief does not mention. */
function scope(assignment: Assignment): Section[] {
  const { profile } = assignment;
  const mentioned = concernsIn(textOf(assignment));
  const absent = CONCERNS.filter((concern) => !mentioned.includes(concern));
  const nonGoals = absent.slice(0, breadth(assignment)).map(({ name }) => `${name}: the brief does not mention it.`);
  return [
    ["Non-goals", profile === "strict" ? "" : bullets(nonGoals)],
    ["Open questions", profile === "exploratory" ? bullets(questions(assignment, absent)) : ""],
  ];
}

function questions({ brief }: Assignment, absent: readonly Concern[]): string[] {
  const [first, second] = brief.roles;
  return [
    first !== undefined && second !== undefined
      ? `Which has priority if ${first} and ${second} have conflicting needs?`
      : "Who pays, and is it the user?",
    ...absent.slice(0, 3).map(({ name }) => `${name}: excluded from the first version only, or permanently?`),
  ];
}

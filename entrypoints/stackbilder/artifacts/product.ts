// PRODUCT: the problem, who has it, what counts as solved, and what is left out on purpose.
import { mentions, personIn } from "../brief.ts";
import { CONCERNS, concernsIn } from "./concerns.ts";
import { type Assignment, breadth, bullets, type Draft, headline, markdownOf, type Point, table } from "./draft.ts";

export function product(assignment: Assignment): Draft {
  const { brief, profile, revision } = assignment;
  const text = [brief.description, ...brief.keywords].join(" ");
  const goals: Point[] = brief.capabilities
    .slice(0, breadth(assignment))
    .map((capability, index) => ({ id: `G${index + 1}`, text: headline(capability) }));
  const measured = goals.map(({ id, text: goal }, index) => {
    const isMeasured = brief.constraints.some((constraint) => mentions(goal, constraint));
    const person = personIn(goal, brief.people) ?? brief.people[index % brief.people.length] ?? "somebody new to it";
    return [
      id,
      goal,
      isMeasured ? "As stated, measured in use" : `${headline(person)}: done at the first try, without help`,
    ];
  });
  const absent = CONCERNS.filter((concern) => !concernsIn(text).includes(concern));
  const unplaced = brief.keywords.filter((keyword) => !goals.some((goal) => mentions(goal.text, keyword)));
  const title = `Product: ${brief.name}`;
  const markdown = markdownOf(title, [
    [
      "Problem",
      brief.description === ""
        ? "Nothing has been described yet; what follows comes from the keywords alone."
        : `> ${brief.description}`,
    ],
    [
      "Users",
      brief.people.length > 0
        ? bullets(brief.people.map(headline))
        : "The brief names nobody. Name the first user before anything is built.",
    ],
    ["Goals", goals.length > 0 ? table(["Id", "Goal", "Reached when"], measured) : "None can be read from the brief."],
    ["Constraints", bullets(brief.constraints.map(headline))],
    ["Vocabulary", brief.terms.slice(0, 4 * breadth(assignment)).join(", ")],
    [
      "Keywords without a goal yet",
      bullets(unplaced.map((keyword) => `**${keyword}**: every later mode takes it up.`)),
    ],
    [
      "Non-goals",
      profile === "strict"
        ? ""
        : bullets(absent.slice(0, breadth(assignment)).map(({ name }) => `${name}: the brief does not mention it.`)),
    ],
    [
      "Open questions",
      profile === "exploratory"
        ? bullets(
            questions(
              brief.people,
              absent.map(({ name }) => name),
            ),
          )
        : "",
    ],
    [
      `Revision ${revision}`,
      revision > 0 ? bullets(brief.sentences.map((sentence) => `The brief says: ${sentence}`)) : "",
    ],
  ]);
  return { title, markdown, points: goals };
}

function questions(people: readonly string[], absent: readonly string[]): string[] {
  return [
    people.length > 1
      ? `Who comes first if ${people[0]} and ${people[1]} want different things?`
      : "Who pays, and is it the one who uses it?",
    ...absent.slice(0, 3).map((name) => `${name}: left out of the first version, or of every version?`),
  ];
}

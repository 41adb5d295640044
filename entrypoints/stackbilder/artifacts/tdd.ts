// TDD: the tests to write first, each as one sentence that is true of the finished product.
import { concernsIn } from "./concerns.ts";
import { type Assignment, bullets, type Draft, headline, markdownOf, type Point, pointsOf, table } from "./draft.ts";

export function tdd(assignment: Assignment): Draft {
  const { brief, profile, revision } = assignment;
  const goals = pointsOf(assignment, "PRODUCT");
  const risks = pointsOf(assignment, "RISK");
  const components = pointsOf(assignment, "ARCHITECT");
  const concerns = concernsIn([brief.description, ...brief.keywords].join(" "));
  const holder = (name: string) => components.find(({ text }) => text.startsWith(`${name}:`))?.id ?? "C2";
  const rows: string[][] = [
    ...goals.flatMap(({ id, text }) => [
      [id, "C1, C2", "end to end", `${text}: works for somebody who does it the first time`],
      [id, "C2", "unit", `${text}: input that does not fit is refused, and nothing changes`],
    ]),
    ...risks.map(({ id, text }) => {
      const concern = concerns.find((one) => one.risk === text);
      return concern
        ? [id, holder(concern.component), "integration", concern.test]
        : [id, "C2", "measurement", `${text}: the figure is recorded in every build`];
    }),
    ...brief.constraints.map((constraint) => ["brief", "C2", "measurement", headline(constraint)]),
    ...brief.keywords.map((keyword) => [
      "keyword",
      "C2",
      "contract",
      `${headline(keyword)}: one recorded exchange is replayed in every build`,
    ]),
    ...(revision > 0
      ? components.map(({ id, text }) => [
          "revision",
          id,
          "failure",
          `without ${text.split(":")[0]}, what does not need it goes on`,
        ])
      : []),
  ];
  const points: Point[] = rows.map(([proves, , , sentence], index) => ({
    id: `T${index + 1}`,
    text: `${sentence} (${proves})`,
  }));
  const title = `Tests: ${brief.name}`;
  const markdown = markdownOf(title, [
    ["Order", "Top to bottom. A test is written, seen to fail, and only then is the code written that makes it pass."],
    [
      "Tests",
      rows.length === 0
        ? "There is nothing to test yet."
        : table(
            ["Id", "Proves", "In", "Kind", "Sentence"],
            rows.map((row, index) => [`T${index + 1}`, ...row]),
          ),
    ],
    [
      "Examples to use",
      bullets(
        brief.things
          .slice(0, 6)
          .map(
            (term) => `${term}: one that is usual, one that is empty, one in another script, one that is far too long`,
          ),
      ),
    ],
    [
      "Not faked",
      profile === "strict"
        ? ""
        : bullets(components.slice(1, 3).map(({ id, text }) => `${id} ${text.split(":")[0]}: tests use the real one.`)),
    ],
    [
      "Worth exploring by hand",
      profile === "exploratory"
        ? bullets(goals.slice(0, 3).map(({ id, text }) => `${id}: twenty minutes of trying to break “${text}”.`))
        : "",
    ],
  ]);
  return { title, markdown, points };
}

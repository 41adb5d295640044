// The things that a picture can show, and the scenery around them.

const SITTING = `* half-curve 10,0 26,0 28,22 20,48 10,60; white half-curve 4,14 11,18 10,40 4,50; *+ pair-oval 9,4 8,5;
    * half-curve 10,48 26,54 30,72 22,88 8,90`;

/**
 * Entries of usual place, height of the foot, usual colour and words, then parts, back to front:
 * `fill form x,y x,y ...`. x goes from the middle to the right, y from the foot upwards; 200 units
 * are the side of a picture. Fills: colours; `*` is the thing's own; `lamp` shines; `hair`, `beard`
 * follow age; `+` after a fill makes it lighter, `-` darker. Forms: `poly`; `curve`, with round
 * corners; `oval`: centre, radii. `half-` adds the mirror image to an outline, `pair-` beside it.
 */
export const THINGS: Readonly<Record<string, string>> = {
  lighthouse: `cliff 0.88 white: lighthouse beacon leuchtturm phare faro 灯台 灯塔
    * half-poly 11,0 7,76; red half-poly 10,12 9,28; red half-poly 8.5,42 7.6,57; black half-poly 3,0 3,9;
    black half-poly 10,76 10,79; lamp half-poly 5,79 5,90; red half-poly 8,90 0,101`,
  boat: `sea 0.71 red: boat sailboat yacht ship schiff boot bateau barco 船 ⛵ 🚢
    * poly -30,11 37,13 27,0 -22,0; brown half-poly 1,11 1,82; white curve 2,15 2,15 36,16 30,40 2,80 2,80;
    white- curve -2,15 -2,15 -26,16 -22,36 -2,72 -2,72`,
  house: `meadow 0.88 white: house cottage cabin hut barn haus maison casa 家 🏠 🏡
    brown poly 12,41 12,63 18,63 18,34; * half-poly 26,0 26,33; red half-poly 32,31 0,60; brown half-poly 5,0 5,18;
    lamp pair-poly 11,11 20,11 20,22 11,22; lamp oval 0,41 4,4`,
  castle: `hills 0.88 grey: castle palace fortress burg schloss château castillo 城堡 🏰
    *- half-poly 14,30 14,76; red half-poly 18,75 0,104; * half-poly 34,0 34,42; black half-curve 8,0 8,0 8,18 3,25;
    * pair-poly 27,0 45,0 45,60 27,60; red pair-poly 23,59 49,59 36,88; lamp pair-poly 34,40 38,40 38,50 34,50`,
  fir: `forest 0.88 green: fir fir_tree pine pine_tree christmas_tree spruce conifer tanne sapin 松 🌲
    brown half-poly 4,0 3,14; *- half-poly 32,8 12,38 14,36; * half-poly 27,32 9,62; *+ half-poly 20,58 0,100`,
  tree: `meadow 0.88 green: tree oak baum bäume arbre árbol 木 树 🌳
    brown half-poly 7,0 4,46; *- half-curve 14,30 36,34 46,56 38,80 18,98 6,100;
    * curve -32,42 -4,38 24,48 32,70 14,92 -16,90 -32,68; *+ curve -23,57 -6,50 10,64 4,84 -14,86 -24,72`,
  flower: `meadow 0.88 pink: flower rose tulip daisy daisies sunflower blume blumen fleur flor 花 🌸 🌻
    green- half-poly 2,0 2,66; green pair-curve 1,10 18,14 28,40 8,30; *- pair-oval 11,93 10,10;
    *- pair-oval 11,71 10,10; * oval 0,99 9,11; * oval 0,65 9,11; * pair-oval 17,82 11,9; yellow oval 0,82 9,9`,
  cat: `room 0.88 orange: cat kitten kitty katze gato кот кошка 猫 🐱 🐈
    *- curve 16,2 38,0 48,16 42,42 36,40 38,20 30,11 16,12; * pair-poly 7,86 24,105 28,74; ${SITTING};
    pink pair-poly 13,88 22,98 24,82; pink oval 0,64 4,3; green pair-oval 12,73 5,5; black pair-oval 12,73 2,5`,
  dog: `meadow 0.88 brown: dog puppy puppies wolf wolves hund chien perro собака 犬 狗 🐶 🐕
    *- curve 16,4 34,6 46,32 40,34 30,16 16,14; ${SITTING}; *- pair-curve 16,90 33,88 39,58 29,52 22,72;
    white half-curve 6,51 14,60 10,74 2,78; black oval 0,68 5,4; black pair-oval 12,75 3,4`,
  fox: `forest 0.88 orange: fox fuchs renard zorro лиса 狐 🦊
    *- curve 14,2 34,-3 54,8 58,34 48,48 38,26 16,14; white curve 46,24 58,28 54,50 44,48; ${SITTING};
    * pair-poly 6,86 24,112 29,74; black pair-poly 17,101 24,112 27,96; white pair-curve 0,48 16,52 31,68 16,70 4,60;
    black oval 0,54 5,4; black pair-oval 12,73 3,4`,
  bird: `hills 0.54 white: bird gull seagull crow swallow vogel vögel oiseau pájaro 鳥 鸟 🐦
    * pair-curve 0,18 8,32 19,32 32,22 19,26 10,19 2,10; * half-curve 2,5 3,22; black pair-curve 24,29 32,22 22,26`,
  person: `plain 0.88 blue: person people man men woman women girl boy child mann frau homme femme hombre mujer 人
    * half-curve 62,-90 58,22 30,36 8,38; beige- half-poly 8,28 8,44; beige half-curve 8,36 20,42 26,64 22,88 6,94;
    hair curve -28,60 -28,92 -8,104 10,105 30,92 28,60 22,80 8,86 -10,84 -22,78; black pair-oval 9,65 2,3;
    beard half-curve 4,34 18,40 24,62 17,56 5,52; beige- half-curve 1,54 5,54 1,66; red half-curve 2,47 9,50 3,49`,
  robot: `plain 0.88 grey: robot android cyborg droid roboter ロボット 机器人 🤖
    *- pair-poly 6,0 17,0 15,16 8,16; *- pair-curve 24,48 38,44 42,20 31,18 30,36; * half-curve 20,10 30,18 29,46 10,52;
    black half-poly 1,90 1,101; red oval 0,103 4,4; *- pair-oval 30,71 5,8; *+ half-curve 20,52 32,58 32,84 20,92;
    black half-curve 18,58 25,64 25,80 17,86; lamp pair-oval 10,74 5,5; lamp half-poly 8,64 8,66; red oval 0,34 4,4`,
  rocket: `space 0.54 white: rocket spaceship spacecraft rakete fusée cohete astronaut ロケット 火箭 🚀
    orange half-curve 2,-24 12,-4 8,8 2,8; red pair-curve 8,32 30,10 28,-8 8,8; * half-curve 8,1 16,22 16,54 9,84 2,102;
    red half-curve 12,72 8,88 2,102; red- half-poly 2,-2 2,24; grey oval 0,57 8,8; blue oval 0,57 5,5`,
  balloon: `hills 0.54 red: balloon ballon globo 気球 🎈
    brown half-poly 5,0 6,11; brown pair-poly 4,10 5,10 6,30 5,30; * half-curve 4,24 28,46 38,70 28,95 8,103;
    *+ half-curve 3,24 19,48 25,70 19,94 5,103; yellow half-curve 1,24 9,48 11,70 9,94 2,103`,
  car: `city 0.88 red: car automobile taxi auto voiture coche 車 车 🚗
    * curve -29,5 -28,17 -20,20 -12,32 9,32 19,20 30,18 31,5; lamp poly -14,20 -9,27 -1,27 -1,20;
    lamp poly 1,20 1,27 7,27 13,20; black pair-oval 16,5 6,6; grey pair-oval 16,5 3,3; yellow oval 27,14 2,2`,
  bridge: `sea 0.71 brown: bridge brücke pont puente 橋 桥 🌉
    * half-curve 2,26 30,26 54,14 60,-3 60,-3 112,-3 112,-3 112,26 60,40 2,44`,
  bowl: `room 0.88 blue: bowl fruit apple banana schale obst 果 🍎 🍊
    green oval -15,37 12,12; red oval 13,37 13,13; orange oval -1,46 13,13; purple pair-oval 24,33 6,6;
    yellow curve -30,32 -20,52 -4,62 -6,54 -18,45 -23,31; * half-poly 12,0 23,8 30,20 33,33; *+ half-poly 32,29 33,33`,
};

/** The entry of a thing, read. */
export function thingNamed(name: string) {
  const [header = "", ...parts] = (THINGS[name] ?? "").split("\n");
  const [place = "", foot = "", colour = "", ...words] = header.split(/:? /);
  return { place, foot: Number(foot), colour, words: words.join(" "), parts: parts.join("") };
}

/** Parts of scenery. Those of cliff and room begin at the lower left corner of the picture. */
export const SCENERY = {
  disc: "lamp oval 0,0 1,1",
  moon: "lamp oval 0,0 1,1; lamp- oval -0.3,0.3 0.3,0.3; lamp- oval 0.4,-0.2 0.2,0.2; lamp- oval -0.2,-0.5 0.2,0.2",
  drop: "white poly 0,0 0.5,0 -2.5,12 -3,12",
  mountain: `grey- poly -95,-30 -58,40 -46,36 -8,100 14,72 24,76 60,30 70,32 100,-30;
    grey poly -95,-30 -58,40 -46,36 -8,100 -6,70 10,52 4,30 20,-30;
    white poly -33,58 -8,100 14,72 22,75 10,60 4,68 -6,54 -16,66`,
  cliff: `grey- poly 0,0 0,78 30,80 60,77 88,79 96,72 94,58 104,46 100,30 114,16 118,-2;
    grey poly 88,79 96,72 94,58 104,46 100,30 114,16 118,0 90,0 84,30 88,50 80,66;
    green curve 0,74 0,82 30,84 60,81 90,83 99,76 88,73 70,77 50,71 30,77 14,72 0,76`,
  room: `* poly 0,0 0,200 200,200 200,0 0,0 116,96 184,96 184,180 116,180 116,96; brown poly 0,0 200,0 200,54 0,54;
    white poly 113,93 113,183 187,183 187,93 113,93 116,96 184,96 184,180 116,180 116,96;
    white poly 148,94 151,94 151,182 148,182; white poly 116,138 184,138 184,141 116,141`,
};

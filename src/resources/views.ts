// All views, by URI.
import { flowView } from "./flow-view.ts";
import { pictureView } from "./picture-view.ts";
import type { View } from "./view.ts";

export const views: ReadonlyMap<string, View> = new Map([flowView, pictureView].map((view) => [view.uri, view]));

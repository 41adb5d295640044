// The view of a picture: the one inside the result, else read from this server through the client; never fetched from anywhere.
import { viewOf } from "./view.ts";

export const pictureView = viewOf({
  uri: "ui://stackbilt/picture",
  name: "picture_view",
  title: "Picture",
  description: "Shows the picture of image_generate or image_check_job, and how it was made.",
  waiting: "The picture is on its way.",
  style: `
canvas { display: block; max-width: 100%; height: auto; margin: auto; border-radius: var(--border-radius-md, 8px); }
button { font: inherit; margin-top: 8px; }`,
  // Drawn, not loaded: the policies of some clients let a view load no image at all, not even one that it has.
  script: `
const PICTURE = /^image\\/(png|jpeg|webp)$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const isPicture = ({ mimeType, data }) => PICTURE.test(mimeType) && BASE64.test(data);
const frame = async (job, { mimeType, data }) => {
  const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: mimeType }));
  const { width, height } = picture;
  const canvas = make("canvas", { role: "img", ariaLabel: words(job.enhanced_prompt) || "A generated picture", width, height });
  canvas.getContext("2d").drawImage(picture, 0, 0);
  const size = words(job.width) && words(job.height) && words(job.width) + " × " + words(job.height);
  const made = [words(job.model), words(job.quality_tier), size].filter(Boolean).join(" · ");
  place(canvas, make("p", { className: "quiet", textContent: made }));
  const url = URL.parse(words(job.url));
  if (client.openLinks && (url?.protocol === "https:" || url?.protocol === "http:")) {
    const open = () => ask("ui/open-link", { url: url.href }).catch(() => undefined);
    page.append(make("button", { type: "button", textContent: "Open in the browser", onclick: open }));
  }
};
const show = async (job, content) => {
  const inside = content.find(({ type }) => type === "image");
  const link = content.find(({ type }) => type === "resource_link");
  try {
    if (inside && isPicture(inside)) return await frame(job, inside);
    if (job.status !== "completed") return say("The picture is " + (words(job.status) || "not there") + ".");
    const { contents } = client.serverResources && link ? await ask("resources/read", { uri: words(link.uri) }) : {};
    const [read] = list(contents).map(({ mimeType, blob }) => ({ mimeType, data: blob })).filter(isPicture);
    if (read) return await frame(job, read);
  } catch {
    // The client says no, or it is no picture; the address is still there.
  }
  say("The picture cannot be shown here. It is at " + words(job.url));
};`,
});

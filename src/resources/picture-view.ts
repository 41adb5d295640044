// The view of an image: the one in the result, otherwise read from this server through the client.
// It is never fetched from any URL.
import { viewOf } from "./view.ts";

export const pictureView = viewOf({
  uri: "ui://stackbilt/picture",
  name: "picture_view",
  title: "Picture",
  description: "Shows the picture of image_generate or image_check_job, and how it was made.",
  waiting: "The picture is being generated.",
  style: `
canvas { display: block; max-width: 100%; height: auto; margin: auto; border-radius: var(--border-radius-md, 8px); }
button { font: inherit; margin-top: 8px; }`,
  // Drawn on a canvas: the policies of some clients forbid `img`, also with data that the view has.
  script: `
const PICTURE = /^image\\/(png|jpeg|webp)$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const isPicture = ({ mimeType, data }) => PICTURE.test(mimeType) && BASE64.test(data);
const drawPicture = async (job, { mimeType, data }) => {
  const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: mimeType }));
  const { width, height } = picture;
  const canvas = make("canvas", { role: "img", ariaLabel: textOf(job.enhanced_prompt) || "A generated picture", width, height });
  canvas.getContext("2d").drawImage(picture, 0, 0);
  const size = textOf(job.width) && textOf(job.height) && textOf(job.width) + " × " + textOf(job.height);
  const tier = textOf(job.quality_tier).replaceAll("_", " ");
  const caption = [textOf(job.model_title) || textOf(job.model), tier && tier + " quality", size && size + " pixels"].filter(Boolean).join(", ");
  place(canvas, make("p", { className: "quiet", textContent: caption }));
  const url = URL.parse(textOf(job.url));
  if (client.openLinks && (url?.protocol === "https:" || url?.protocol === "http:")) {
    const open = () => request("ui/open-link", { url: url.href }).catch(() => undefined);
    page.append(make("button", { type: "button", textContent: "Open in the browser", onclick: open }));
  }
};
const render = async (job, content) => {
  const embedded = content.find(({ type }) => type === "image");
  const link = content.find(({ type }) => type === "resource_link");
  try {
    if (embedded && isPicture(embedded)) return await drawPicture(job, embedded);
    if (job.status !== "completed") return showText("The picture is " + (textOf(job.status) || "not available") + ".");
    const { contents } = client.serverResources && link ? await request("resources/read", { uri: textOf(link.uri) }) : {};
    const [read] = objectsIn(contents).map(({ mimeType, blob }) => ({ mimeType, data: blob })).filter(isPicture);
    if (read) return await drawPicture(job, read);
  } catch {
    // The client refuses, or the data is not an image. The URL is still known.
  }
  showText("The picture cannot be shown here. It is at " + textOf(job.url));
};`,
});

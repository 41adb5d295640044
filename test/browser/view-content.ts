// Content of tool results, for the tests of views.

/** One white pixel. */
export const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

/** White, 1200 pixels wide and 8 high. */
export const WIDE_PNG =
  "iVBORw0KGgoAAAANSUhEUgAABLAAAAAIAQAAAADBjDtpAAAAGElEQVR42mP4PygBw6izRp016qxRZ+ECANq0q42B4aEAAAAAAElFTkSuQmCC";

/** A completed job of img-forge. */
export const JOB = {
  job_id: "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10",
  status: "completed",
  url: "https://images.example/images/0b7e5a52.png",
  model: "flux-klein",
  model_title: "FLUX Klein",
  quality_tier: "standard",
  enhanced_prompt: "A lighthouse at dusk, 灯台",
  width: 512,
  height: 512,
  size_bytes: 68,
};
export const LINK = {
  type: "resource_link",
  uri: `stackbilt://images/${JOB.job_id}`,
  name: "picture",
  mimeType: "image/png",
};
export const TEXT = { type: "text", text: "job id: 0b7e5a52" };
export const IMAGE = { type: "image", mimeType: "image/png", data: PNG };

/** Text that does harm wherever it is taken for HTML or a template. */
export const HOSTILE = `<img src=x onerror="alert(1)"><script>alert(2)</script>"'>&{{7*7}}`;

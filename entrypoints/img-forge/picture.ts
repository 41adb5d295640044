// The storage key and the URL of a picture, both derived from the id of its job.

/** The picture's key in R2. */
export function pictureKey(jobId: string): string {
  return `images/${jobId.toLowerCase()}.png`;
}

/** The picture's URL. */
export function pictureUrl(baseUrl: string, jobId: string): string {
  return `${baseUrl}/${pictureKey(jobId)}`;
}

// Where a picture is kept and under which path it is served: both follow from its job's id.

/** The picture's key in R2. */
export function pictureKey(jobId: string): string {
  return `images/${jobId.toLowerCase()}.png`;
}

/** The picture's URL. */
export function pictureUrl(baseUrl: string, jobId: string): string {
  return `${baseUrl}/${pictureKey(jobId)}`;
}

/** Whether top-5 accuracy is informative: with five classes or fewer it is always 100 %, and is left out everywhere. */
export const hasTop5 = (classes: number): boolean => classes > 5;

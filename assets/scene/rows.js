// Whether something is drawn in a row of panels: words take the height that they need, pictures share what there is.
export const drawn = (row) => row.some(({ kind }) => kind !== "text");

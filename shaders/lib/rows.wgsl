// How many of the rows first, first + step, … below `row_count` there are, at most `most`.
fn rows_here(row_count: u32, first: u32, step: u32, most: u32) -> u32 {
  if (first >= row_count) { return 0u; }
  return min(most, (row_count - first + step - 1u) / step);
}

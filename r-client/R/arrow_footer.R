# The schema in an Arrow file's footer, read without Arrow: a flatbuffer, see Arrow's Schema.fbs and File.fbs. The
# package arrow ends the R process when it is asked for some types, so these must be found before it is asked. Positions
# count from 0; every offset is checked, and a damaged footer is an error of the class `landbridge_bad_footer`, whatever
# its bytes are.

most_fields <- 100000L
most_levels <- 64L
most_name <- 1024^2 # bytes

outside_types <- c(
  `11` = "interval", `14` = "union", `17` = "map", `22` = "run_end_encoded", `23` = "binary_view", `24` = "string_view",
  `25` = "list_view", `26` = "large_list_view"
)
last_type <- 26L
decimal_type <- 7L

bad_footer <- function(reason) rlang::abort(reason, class = "landbridge_bad_footer")

#' @param data the footer, a raw vector
#' @param size bytes of the file
#' @return a list of `big_endian` and `fields`: of each field `name`, `outside` (its Arrow type's name if the wire
#'   profile has none such, else NULL), `extension` (that type's name, else NULL), `children`, and `type`: as arrow
#'   tells it, of types that most columns have; NULL for the others
#' @noRd
read_footer <- function(data, size) {
  reader <- new.env(parent = emptyenv())
  reader$data <- data
  reader$fields <- 0L
  schema <- flat_table(reader, flat_integer(reader, 0, 4L), 1L)
  if (is.null(schema)) bad_footer("there is no schema")
  check_blocks(reader, size)
  list(
    big_endian = flat_number(reader, schema, 0L, 2L) == 1,
    fields = lapply(flat_tables(reader, schema, 1L), function(at) flat_field(reader, at, 1L))
  )
}

#' No batch or dictionary may lead out of the file or be named twice: that is how small files get endless rows.
#' @noRd
check_blocks <- function(reader, size) {
  starts <- ends <- double()
  for (position in 2:3) {
    start <- flat_table(reader, flat_integer(reader, 0, 4L), position)
    count <- if (is.null(start)) 0 else flat_integer(reader, start, 4L)
    if (count == 0) next
    # Of each: where its message stands (8 bytes), how long that is (4, and 4 of padding), how long its body is (8). A
    # negative number is a huge one here.
    bytes <- matrix(as.integer(flat_bytes(reader, start + 4, 24 * count)), 24)
    number <- function(rows) colSums(bytes[rows, , drop = FALSE] * 256^(seq_along(rows) - 1))
    starts <- c(starts, number(1:8))
    ends <- c(ends, number(1:8) + number(9:12) + number(17:24))
  }
  if (any(ends > size)) bad_footer("a batch leads out of the file")
  if (is.unsorted(as.vector(rbind(starts, ends)[, order(starts)]))) bad_footer("batches overlap")
}

flat_bytes <- function(reader, at, size) {
  if (at < 0 || size < 0 || at + size > length(reader$data)) bad_footer("an offset leads out of the footer")
  reader$data[at + seq_len(size)]
}

#' A little endian integer without a sign, as a double.
#' @noRd
flat_integer <- function(reader, at, size) sum(as.integer(flat_bytes(reader, at, size)) * 256^(seq_len(size) - 1))

#' Where a field of a table stands; NULL when it has its default.
#' @noRd
flat_slot <- function(reader, table, position) {
  back <- flat_integer(reader, table, 4L)
  vtable <- table - if (back >= 2^31) back - 2^32 else back
  if (4 + 2 * position >= flat_integer(reader, vtable, 2L)) return(NULL)
  offset <- flat_integer(reader, vtable + 4 + 2 * position, 2L)
  if (offset > 0) table + offset
}

flat_number <- function(reader, table, position, size, default = 0) {
  at <- flat_slot(reader, table, position)
  if (is.null(at)) default else flat_integer(reader, at, size)
}

flat_table <- function(reader, table, position) {
  at <- flat_slot(reader, table, position)
  if (is.null(at)) return(NULL)
  offset <- flat_integer(reader, at, 4L)
  if (offset == 0) bad_footer("an offset leads nowhere")
  at + offset
}

flat_tables <- function(reader, table, position) {
  start <- flat_table(reader, table, position)
  if (is.null(start)) return(list())
  count <- flat_integer(reader, start, 4L)
  flat_bytes(reader, start + 4, 4 * count)
  if (count > most_fields) bad_footer("there are too many fields")
  lapply(start + 4 * seq_len(count), function(at) at + flat_integer(reader, at, 4L))
}

flat_text <- function(reader, table, position) {
  start <- flat_table(reader, table, position)
  if (is.null(start)) return("")
  length <- flat_integer(reader, start, 4L)
  if (length > most_name) bad_footer("a name is too long")
  bytes <- flat_bytes(reader, start + 4, length)
  text <- if (any(bytes == 0)) "\xff" else rawToChar(bytes)
  if (!validUTF8(text)) bad_footer("a name is not valid UTF-8")
  Encoding(text) <- "UTF-8"
  text
}

flat_field <- function(reader, at, level) {
  reader$fields <- reader$fields + 1L
  if (reader$fields > most_fields || level > most_levels) bad_footer("there are too many fields")
  list(
    name = flat_text(reader, at, 0L), outside = flat_outside(reader, at), extension = flat_extension(reader, at),
    type = flat_type(reader, at),
    children = lapply(flat_tables(reader, at, 5L), function(child) flat_field(reader, child, level + 1L))
  )
}

flat_outside <- function(reader, field) {
  type <- flat_number(reader, field, 2L, 1L)
  if (type < 1 || type > last_type) bad_footer(sprintf("there is no type %d", type))
  told <- flat_table(reader, field, 3L)
  if (type == decimal_type && !is.null(told)) {
    bits <- flat_number(reader, told, 2L, 4L, 128)
    return(if (bits != 128) sprintf("decimal%.0f", bits))
  }
  unlist(unname(as.list(outside_types)[as.character(type)]))
}

#' Asking arrow for it makes two objects of R6 for each field, and takes longer than all else that is read of it here.
#' @noRd
flat_type <- function(reader, field) {
  told <- flat_table(reader, field, 3L)
  if (is.null(told)) return(NULL)
  type <- switch(flat_number(reader, field, 2L, 1L),
    NULL,
    integer_type(reader, told),
    float_type(reader, told),
    NULL,
    "string",
    "bool"
  )
  dictionary <- flat_table(reader, field, 4L)
  if (is.null(dictionary) || !identical(type, "string")) return(if (is.null(dictionary)) type)
  index <- flat_table(reader, dictionary, 1L)
  indices <- if (is.null(index)) "int32" else integer_type(reader, index)
  ordered <- if (flat_number(reader, dictionary, 2L, 1L) != 0) ", ordered" else ""
  sprintf("dictionary<values=string, indices=%s%s>", indices, ordered)
}

float_type <- function(reader, at) {
  precision <- flat_number(reader, at, 0L, 2L)
  if (precision > 2) bad_footer(sprintf("there are no floating-point numbers of precision %.0f", precision))
  c("halffloat", "float", "double")[[precision + 1]]
}

integer_type <- function(reader, at) {
  paste0(if (flat_number(reader, at, 1L, 1L) == 0) "u", "int", flat_number(reader, at, 0L, 4L))
}

flat_extension <- function(reader, field) {
  for (pair in flat_tables(reader, field, 6L)) {
    if (flat_text(reader, pair, 0L) == "ARROW:extension:name") return(flat_text(reader, pair, 1L))
  }
  NULL
}

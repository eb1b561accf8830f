# How a job wants its tables: as one of R's frames, or as the Arrow table itself, mapped and not converted. What a task
# says by `as` holds for its arguments.

# What tables may arrive as, by the task's language, and the packages that each needs in the job's image.
wanted_packages <- list(
  r = list(
    data.frame = character(), tibble = "tibble", data.table = "data.table", arrow = "arrow",
    duckdb = c("arrow", "duckdb", "dbplyr")
  ),
  python = list(pandas = "pandas", polars = "polars", arrow = "pyarrow", duckdb = "duckdb")
)
wanted_classes <- c(data.frame = "data.frame", tibble = "tbl_df", data.table = "data.table")

check_as <- function(value, language) {
  known <- names(wanted_packages[[language]])
  if (is.null(value) || is_text(value) && value %in% known) return(value)
  names <- paste0("\"", known, "\"")
  last <- length(names)
  spoken <- c(r = "R", python = "Python")[[language]]
  hint <- sprintf("For %s it is %s or %s.", spoken, paste(names[-last], collapse = ", "), names[[last]])
  refuse_option("as", value, hint)
}

#' Stop with `landbridge_codec_missing` when a package that the job wants its tables in is not here.
#' @noRd
check_wanted <- function(wanted, installed = is_installed) {
  if (is.null(wanted)) return(invisible())
  absent <- Filter(Negate(installed), wanted_packages$r[[wanted]])
  if (length(absent) == 0) return(invisible())
  abort_landbridge(
    "codec_missing",
    sprintf("The job wants its tables as \"%s\", and its image has no package %s.", wanted, absent[[1]]),
    "Use a runtime whose image has it, or leave `as` out."
  )
}

wants_arrow <- function(source) isTRUE(source$wanted %in% c("arrow", "duckdb"))

#' A frame as the Arrow table that its file is, after all checks of it; row names, or an index, are columns behind the
#' others.
#' @noRd
decode_arrow_frame <- function(node, source) {
  path <- source$path(node$object)
  check_file(path)
  check_descriptor(path, node)
  table <- mapped_table(path)
  check_content(path, table)
  check_agreement(path, list(names = names(table), rows = table$num_rows), node)
  if (isTRUE(source$remembers)) {
    remember_frame(node)
    in_job_state$mapped <- c(in_job_state$mapped, list(node))
  }
  labels <- texts_of(node$descriptor$names)
  labels[is.na(labels)] <- ""
  names(table) <- c(labels, names(table)[-seq_along(labels)])[seq_len(table$num_columns)]
  table$metadata <- NULL
  if (source$wanted == "duckdb") arrow::to_duckdb(table) else table
}

mapped_table <- function(path) {
  reader <- arrow::RecordBatchFileReader$create(arrow::mmap_open(path))
  if (reader$num_record_batches > 0) reader$read_table() else arrow::arrow_table(schema = reader$schema)
}

arrow_classes <- c("ArrowTabular", "RecordBatchReader", "arrow_dplyr_query", "Dataset", "tbl_duckdb_connection")

is_arrow_frame <- function(x) inherits(x, arrow_classes)

#' A table of Arrow, a query of dplyr over one, or a table of DuckDB, as a frame node. R reads it as a tibble, or as the
#' frames that the job was given.
#' @noRd
encode_arrow_frame <- function(x, sink, path) {
  if (inherits(x, "tbl_duckdb_connection")) x <- arrow::to_arrow(x)
  table <- wire_arrow_table(arrow::as_arrow_table(x), path)
  given <- if (isTRUE(sink$hints)) in_job_state$mapped
  row_names <- agreed(unique(lapply(given, function(node) node$descriptor$row_names)))
  reserved <- if (isTRUE(row_names %in% names(table))) row_names
  if (!is.null(reserved)) table <- table[c(setdiff(names(table), reserved), reserved)]
  labels <- setdiff_first(names(table), reserved)
  names(table) <- c(wire_names(labels), reserved)
  types <- vapply(table$schema$fields, function(field) field$type$ToString(), "")
  ours <- Filter(function(node) isTRUE(node$descriptor$class %in% names(frame_classes)), given)
  class <- agreed(lapply(ours, function(node) node$descriptor$class))
  descriptor <- list(
    class = if (is.null(class)) "tbl_df" else class, names = text_or_null(labels),
    columns = mapped_tags(names(table), types, ours), row_names = if (is.null(reserved)) "automatic" else reserved,
    rows = table$num_rows
  )
  if (isTRUE(sink$hints)) descriptor$hint <- frame_hint(names(table))
  table$metadata <- list(landbridge = protocol_json(descriptor))
  id <- sink$put("arrow", function(to) {
    write_arrow_table(table, to)
    check_file(to)
  })
  list(
    kind = "frame", object = id, rows = table$num_rows, descriptor = descriptor,
    columns = described_columns(table, types, descriptor$columns, path, sink),
    preview = arrow_preview(table, length(labels))
  )
}

described_columns <- function(table, types, tags, path, sink) {
  lapply(seq_along(types), function(i) {
    name <- names(table)[[i]]
    lost <- lost_tag_column(tags[[name]]$tag$na_tags, names(table), table$column(i - 1L)$null_count)
    tell_verdict(lost, item_path(path, names(table), i), name, sink$on_loss)
    c(list(name = name, type = types[[i]]), lost)
  })
}

setdiff_first <- function(names, reserved) if (is.null(reserved)) names else utils::head(names, -1L)

#' The tags that columns of R had which came by these names and types.
#' @noRd
mapped_tags <- function(names, types, given) {
  tags <- Map(function(name, type) {
    entry <- hint_entry(name, given)
    if (identical(entry$type, type) && !is.null(entry$tag)) list(tag = entry$tag)
  }, names, types)
  as_object(Filter(Negate(is.null), tags))
}

arrow_preview <- function(table, labels) {
  head <- table$Slice(0, min(10L, table$num_rows))$SelectColumns(seq_len(min(labels, 50L)) - 1L)
  if (labels == 0) return(lapply(seq_len(min(10L, table$num_rows)), function(row) list()))
  frame_preview(unclass(as.data.frame(head)), head$num_rows)
}

#' The table in types of the wire profile; what has none is refused when the file is looked over.
#' @noRd
wire_arrow_table <- function(table, path) {
  for (i in seq_len(table$num_columns)) {
    column <- table$column(i - 1L)
    made <- tryCatch(wire_arrow_column(column), error = function(error) {
      label <- names(table)[[i]]
      reason <- sprintf("its Arrow type `%s` does not fit into one that both sides know", column$type$ToString())
      cannot_cross(item_path(path, names(table), i), reason, file_hints$cast, list(column = label))
    })
    if (!identical(made, column)) table <- with_column(table, i, made)
  }
  table
}

with_column <- function(table, i, column) {
  columns <- table$columns
  columns[[i]] <- column
  # Named c1, c2, ... first: a column called `schema` would be taken for the argument.
  made <- do.call(arrow::arrow_table, stats::setNames(columns, paste0("c", seq_along(columns))))
  names(made) <- names(table)
  made
}

wire_arrow_column <- function(column) {
  target <- wire_arrow_type(column$type)
  # Batches of one file share their levels.
  if (inherits(column$type, "DictionaryType") && inherits(column, "ChunkedArray") && column$num_chunks > 1) {
    column <- one_array(column)
  }
  if (column$type$Equals(target)) column else column$cast(target)
}

#' The type of the wire profile that holds a type; the type itself where there is none.
#' @noRd
wire_arrow_type <- function(type) {
  switch(sub("[\\[<(].*$", "", type$ToString()),
    time32 = ,
    time64 = arrow::time64("us"),
    date64 = arrow::date32(),
    halffloat = arrow::float32(),
    string_view = arrow::large_utf8(),
    binary_view = ,
    fixed_size_binary = arrow::binary(),
    dictionary = arrow::dictionary(arrow::int32(), arrow::utf8(), type$ordered),
    list = arrow::list_of(wire_arrow_type(type$value_type)),
    large_list = arrow::large_list_of(wire_arrow_type(type$value_type)),
    fixed_size_list = arrow::fixed_size_list_of(wire_arrow_type(type$value_type), type$list_size),
    struct = wire_arrow_struct(type),
    type
  )
}

wire_arrow_struct <- function(type) {
  fields <- type$fields()
  inner <- lapply(fields, function(field) wire_arrow_type(field$type))
  if (all(mapply(function(field, made) field$type$Equals(made), fields, inner))) return(type)
  do.call(arrow::struct, stats::setNames(inner, vapply(fields, function(field) field$name, "")))
}

write_arrow_table <- function(table, path) {
  out <- arrow::FileOutputStream$create(path)
  on.exit(out$close())
  writer <- arrow::RecordBatchFileWriter$create(out, table$schema)
  # One explicit batch, also without rows: levels of a factor live in batches.
  if (table$num_rows > 0) {
    writer$write_table(table)
  } else if (table$num_columns > 0) {
    writer$write_batch(arrow::as_record_batch(table))
  }
  writer$close()
}

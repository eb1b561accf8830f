# Lints R sources; any finding fails.
rules <- lintr::linters_with_defaults(
  line_length_linter = lintr::line_length_linter(120),
  object_name_linter = NULL, # S3 methods of generics with dots in their names
  object_usage_linter = NULL, # knows only installed packages; R CMD check looks as well
  cyclocomp_linter = NULL
)
found <- FALSE
for (folder in commandArgs(trailingOnly = TRUE)) {
  for (file in list.files(folder, "[.]R$", recursive = TRUE, full.names = TRUE)) {
    findings <- lintr::lint(file, linters = rules, parse_settings = FALSE)
    if (length(findings) > 0) {
      found <- TRUE
      print(findings)
    }
  }
}
quit(status = if (found) 1 else 0)

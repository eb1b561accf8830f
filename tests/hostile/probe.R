# Sent into a container: what a job of R finds when it looks around. Each finding is text, as in probe.py.

probe <- function(about, table) {
  list(
    status = joined(own_status(c("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp", "Uid", "Gid", "Groups"))),
    writable = joined(writable()),
    sockets = joined(everything("-type s")),
    network = joined(vapply(unlist(about$addresses), reach, "")),
    names = if (is.null(nsl_of("example.com"))) "none" else "found",
    calls = joined(perl_lines(calls)),
    "raw sockets" = joined(perl_lines(raw_sockets)),
    ptrace = joined(perl_lines("told(syscall(101, 16, 4194303, 0, 0));")),
    "set-group-id" = paste(
      if (length(everything("-name chage -perm -2000")) == 1) "True" else "False",
      if (suppressWarnings(system2("chage", c("-l", "landbridge"), stdout = FALSE, stderr = FALSE)) == 0) "True" else "False"
    ),
    "kernel files" = joined(kernel_files()),
    processes = joined(sort(processes(), method = "radix")),
    "other jobs" = joined(others()),
    leftovers = joined(leftovers()),
    input = joined(tampering()),
    core = limit("Max core file size"),
    "open files" = limit("Max open files"),
    secrets = joined(Filter(function(secret) everywhere(backwards(secret)), unlist(about$backwards))),
    mapped = strsplit(trimws(readLines("/proc/self/uid_map")), " +")[[1]][[2]]
  )
}

calls <- '
  $none = "none"; $tmp = "/tmp"; $tmpfs = "tmpfs"; $time = "\\0" x 16; # syscall() takes text that could be changed
  print "mount "; told(syscall(165, $none, $tmp, $tmpfs, 0, 0));
  print "unshare "; told(syscall(272, 0x10000000));
  print "bpf "; told(syscall(321, 0, 0, 0));
  print "keyctl "; told(syscall(250, 0, -3, 0));
  print "userfaultfd "; told(syscall(323, 0));
  print "init_module "; told(syscall(175, 0, 0, 0));
  print "clock_settime "; told(syscall(227, 0, $time));
  print "setns "; told(syscall(308, -1, 0));
  print "reboot "; told(syscall(169, 0, 0, 0, 0));'
raw_sockets <- "told(syscall(41, 2, 3, 1)); told(syscall(41, 17, 3, 1));"

# R itself cannot make a call of the kernel by its number; perl, which every Debian has, can.
perl_lines <- function(code) {
  told <- 'sub told { my ($found) = @_; print $found < 0 ? (grep { $!{$_} } qw(EPERM ESRCH ENOSYS EINVAL))[0] : "done";
    print "\\n" }'
  system2("perl", c("-MErrno", "-e", shQuote(paste(told, code))), stdout = TRUE)
}

joined <- function(found) paste(found, collapse = ",")

own_status <- function(names) {
  lines <- readLines("/proc/self/status")
  vapply(names, function(name) {
    line <- grep(paste0("^", name, ":"), lines, value = TRUE)
    strsplit(line, "[\t ]+")[[1]][[2]]
  }, "")
}

everything <- function(test) {
  system(sprintf("find / -path /proc -prune -o %s -print 2>/dev/null; true", test), intern = TRUE)
}

writable <- function() {
  found <- character()
  for (folder in everything("-type d")) {
    below <- any(startsWith(folder, paste0(found, "/", recycle0 = TRUE)))
    if (file.access(folder, 2) == 0 && !below) found <- c(found, folder)
  }
  sort(found, method = "radix")
}

reach <- function(address) {
  host <- sub(":[0-9]+$", "", address)
  port <- as.integer(sub("^.*:", "", address))
  tryCatch({
    close(suppressWarnings(socketConnection(host, port, blocking = TRUE, open = "r+b", timeout = 2)))
    paste(address, "open")
  }, error = function(error) "closed")
}

nsl_of <- function(name) suppressWarnings(tryCatch(utils::nsl(name), error = function(error) NULL))

opens <- function(path, mode) {
  tryCatch({
    con <- suppressWarnings(file(path, mode))
    on.exit(close(con))
    mode != "rb" || length(readBin(con, "raw", 1)) == 1
  }, error = function(error) FALSE)
}

kernel_files <- function() {
  write <- c("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/mm/ksm/run")
  read <- c("/proc/kcore", "/proc/keys", "/proc/timer_list")
  c(
    paste(Filter(function(path) opens(path, "ab"), write), "can be written", recycle0 = TRUE),
    paste(Filter(function(path) opens(path, "rb"), read), "can be read", recycle0 = TRUE),
    list.files("/sys/firmware", full.names = TRUE)
  )
}

processes <- function() {
  ids <- grep("^[0-9]+$", list.files("/proc"), value = TRUE)
  vapply(file.path("/proc", ids, "comm"), readLines, "", USE.NAMES = FALSE)
}

bytes_of <- function(path) {
  con <- file(path, "rb")
  on.exit(close(con))
  bytes <- raw()
  while (length(more <- readBin(con, "raw", 65536)) > 0) bytes <- c(bytes, more)
  bytes[bytes == 0] <- as.raw(10)
  rawToChar(bytes)
}

others <- function() {
  files <- c(file.path("/proc/self", c("mountinfo", "environ", "cmdline", "cgroup")), Sys.glob("/job/*.json"))
  texts <- c(vapply(files, bytes_of, ""), list.files("/job", recursive = TRUE, full.names = TRUE))
  found <- regmatches(texts, gregexpr("job_[0-9a-z]{16}", texts, useBytes = TRUE))
  own <- regmatches(bytes_of("/job/job.json"), regexpr('job_[0-9a-z]{16}(?=")', bytes_of("/job/job.json"), perl = TRUE))
  sort(setdiff(unlist(found), own))
}

leftovers <- function() {
  unlist(lapply(c("/tmp", "/dev/shm", "/dev/mqueue", "/job", Sys.getenv("HOME")), function(place) {
    list.files(place, "^leftover", recursive = TRUE, full.names = TRUE)
  }))
}

tampering <- function() {
  path <- Sys.glob("/job/in/*.arrow")
  stopifnot(length(path) == 1)
  quietly <- function(act) suppressWarnings(isTRUE(tryCatch(act, error = function(error) FALSE)))
  done <- c(
    write = quietly(opens(path, "r+b")), mode = quietly(Sys.chmod(path, "666")), remove = quietly(file.remove(path)),
    rename = quietly(file.rename(path, "/tmp/taken")), replace = quietly(opens("/job/job.json", "wb"))
  )
  names(done)[done]
}

limit <- function(name) {
  line <- grep(paste0("^", name), readLines("/proc/self/limits"), value = TRUE)
  fields <- strsplit(trimws(line), " +")[[1]]
  paste(fields[length(fields) - 2:1], collapse = " ")
}

backwards <- function(text) paste(rev(strsplit(text, "")[[1]]), collapse = "")

everywhere <- function(secret) {
  files <- c("/proc/self/environ", "/proc/1/environ", "/proc/self/mountinfo")
  files <- c(files, system("find /job -type f", intern = TRUE))
  any(vapply(files, function(path) grepl(secret, bytes_of(path), fixed = TRUE, useBytes = TRUE), NA))
}

reached <- function(addresses) lapply(unlist(addresses), reach)

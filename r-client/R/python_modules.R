# What R has to know of Python's modules: which ones every Python has, and under which name others are installed.

python_standard <- c(
  "abc", "aifc", "annotationlib", "antigravity", "argparse", "array", "ast", "asynchat", "asyncio", "asyncore",
  "atexit", "audioop", "base64", "bdb", "binascii", "bisect", "builtins", "bz2", "cProfile", "calendar", "cgi",
  "cgitb", "chunk", "cmath", "cmd", "code", "codecs", "codeop", "collections", "colorsys", "compileall",
  "compression", "concurrent", "configparser", "contextlib", "contextvars", "copy", "copyreg", "crypt", "csv",
  "ctypes", "curses", "dataclasses", "datetime", "dbm", "decimal", "difflib", "dis", "distutils", "doctest", "email",
  "encodings", "ensurepip", "enum", "errno", "faulthandler", "fcntl", "filecmp", "fileinput", "fnmatch", "fractions",
  "ftplib", "functools", "gc", "genericpath", "getopt", "getpass", "gettext", "glob", "graphlib", "grp", "gzip",
  "hashlib", "heapq", "hmac", "html", "http", "idlelib", "imaplib", "imghdr", "imp", "importlib", "inspect", "io",
  "ipaddress", "itertools", "json", "keyword", "lib2to3", "linecache", "locale", "logging", "lzma", "mailbox",
  "mailcap", "marshal", "math", "mimetypes", "mmap", "modulefinder", "msilib", "msvcrt", "multiprocessing", "netrc",
  "nis", "nntplib", "nt", "ntpath", "nturl2path", "numbers", "opcode", "operator", "optparse", "os", "ossaudiodev",
  "pathlib", "pdb", "pickle", "pickletools", "pipes", "pkgutil", "platform", "plistlib", "poplib", "posix",
  "posixpath", "pprint", "profile", "pstats", "pty", "pwd", "py_compile", "pyclbr", "pydoc", "pydoc_data", "pyexpat",
  "queue", "quopri", "random", "re", "readline", "reprlib", "resource", "rlcompleter", "runpy", "sched", "secrets",
  "select", "selectors", "shelve", "shlex", "shutil", "signal", "site", "smtpd", "smtplib", "sndhdr", "socket",
  "socketserver", "spwd", "sqlite3", "sre_compile", "sre_constants", "sre_parse", "ssl", "stat", "statistics",
  "string", "stringprep", "struct", "subprocess", "sunau", "symtable", "sys", "sysconfig", "syslog", "tabnanny",
  "tarfile", "telnetlib", "tempfile", "termios", "textwrap", "this", "threading", "time", "timeit", "tkinter",
  "token", "tokenize", "tomllib", "trace", "traceback", "tracemalloc", "tty", "turtle", "turtledemo", "types",
  "typing", "unicodedata", "unittest", "urllib", "uu", "uuid", "venv", "warnings", "wave", "weakref", "webbrowser",
  "winreg", "winsound", "wsgiref", "xdrlib", "xml", "xmlrpc", "zipapp", "zipfile", "zipimport", "zlib", "zoneinfo",
  "__future__"
)

# Modules whose distribution has another name.
python_distributions <- c(
  sklearn = "scikit-learn", PIL = "pillow", cv2 = "opencv-python", yaml = "pyyaml", bs4 = "beautifulsoup4",
  dateutil = "python-dateutil", skimage = "scikit-image", attr = "attrs", dotenv = "python-dotenv", jwt = "pyjwt",
  docx = "python-docx", pptx = "python-pptx", fitz = "pymupdf", OpenSSL = "pyopenssl", Crypto = "pycryptodome",
  serial = "pyserial", zmq = "pyzmq", psycopg2 = "psycopg2-binary", MySQLdb = "mysqlclient", umap = "umap-learn",
  imblearn = "imbalanced-learn", Bio = "biopython", osgeo = "gdal", pkg_resources = "setuptools",
  magic = "python-magic", Levenshtein = "levenshtein", community = "python-louvain", faiss = "faiss-cpu",
  mpl_toolkits = "matplotlib", pylab = "matplotlib", git = "gitpython", github = "pygithub",
  slugify = "python-slugify", multipart = "python-multipart", jose = "python-jose", usb = "pyusb", nacl = "pynacl",
  ruamel = "ruamel.yaml", sentence_transformers = "sentence-transformers", pytorch_lightning = "pytorch-lightning",
  lightning_fabric = "lightning-fabric"
)

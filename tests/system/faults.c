/* A library to be preloaded: calls of the C library fail on demand, while the process runs.

   INSTEP_FAULTS names a file; each of its lines is a rule `CALL[,CALL…] ERRNO FIRST COUNT PATTERN`: a call of
   that kind on a path in which PATTERN occurs fails with that errno, from the FIRST-th one on (counted in each
   process, from 1), COUNT times (0: always). The file is read at every call, so it can be changed at any
   time; empty, all is well. What was made to fail is told in the file's neighbour `….hits`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define RULES 8
#define HIGH_FD 200

static int control = -1, hits = -1;
static unsigned counts[RULES];
static char counted[4096];

static int keep(const char *path, int flags)
{
    int fd = syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0666);
    int high = fd < 0 ? -1 : (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, HIGH_FD);
    if (high >= 0)
        syscall(SYS_close, fd);
    return high >= 0 ? high : fd;
}

__attribute__((constructor)) static void begin(void)
{
    char name[PATH_MAX];
    const char *path = getenv("INSTEP_FAULTS");
    if (!path)
        return;
    control = keep(path, O_RDONLY);
    snprintf(name, sizeof name, "%s.hits", path);
    hits = keep(name, O_WRONLY | O_APPEND | O_CREAT);
}

/* The path that a call is about; relative ones are completed where that is cheap. */
static void complete(char *out, int dir_fd, const char *path)
{
    char link[64];
    ssize_t length = 0;
    if (path && path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
        return;
    }
    if (dir_fd == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", dir_fd);
    length = syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_MAX - 1);
    out[length > 0 ? length : 0] = 0;
    if (path && *path)
        snprintf(out + strlen(out), PATH_MAX - strlen(out), "/%s", path);
}

static int names(const char *calls, const char *call)
{
    size_t length = strlen(call);
    for (const char *at = calls; (at = strstr(at, call)); at += length)
        if ((at == calls || at[-1] == ',') && (at[length] == 0 || at[length] == ','))
            return 1;
    return 0;
}

/* 1, with errno set, if this call is to fail. */
static int fails(const char *call, int dir_fd, const char *path)
{
    char text[4096], full[PATH_MAX] = "", line[PATH_MAX + 64], *left = NULL;
    int saved = errno, number = 0;
    ssize_t size = control < 0 ? 0 : syscall(SYS_pread64, control, text, sizeof text - 1, 0);
    if (size <= 0)
        return errno = saved, 0;
    text[size] = 0;
    if (strcmp(text, counted)) {
        strcpy(counted, text);
        memset(counts, 0, sizeof counts);
    }
    for (char *rule = strtok_r(text, "\n", &left); rule && number < RULES;
         rule = strtok_r(NULL, "\n", &left), number++) {
        char calls[128], pattern[PATH_MAX];
        unsigned code, first, most;
        if (sscanf(rule, "%127s %u %u %u %4095[^\n]", calls, &code, &first, &most, pattern) != 5)
            continue;
        if (!names(calls, call))
            continue;
        if (!*full)
            complete(full, dir_fd, path);
        if (!strstr(full, pattern))
            continue;
        unsigned count = __atomic_add_fetch(&counts[number], 1, __ATOMIC_SEQ_CST);
        if (count < first || (most && count >= first + most))
            continue;
        int length = snprintf(line, sizeof line, "%d %s %u %s\n", getpid(), call, code, full);
        syscall(SYS_write, hits, line, length);
        return errno = code, 1;
    }
    return errno = saved, 0;
}

#define REAL(type, name, ...) ((type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

static const char *opening(int flags)
{
    return flags & (O_CREAT | O_WRONLY | O_RDWR) || (flags & O_TMPFILE) == O_TMPFILE ? "create" : "open";
}

#define MODE(flags)                                                                  \
    mode_t mode = 0;                                                                 \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) {                   \
        va_list rest;                                                                \
        va_start(rest, flags);                                                       \
        mode = va_arg(rest, mode_t);                                                 \
        va_end(rest);                                                                \
    }

#define OPEN(name)                                                                   \
    int name(const char *path, int flags, ...)                                       \
    {                                                                                \
        MODE(flags)                                                                  \
        return fails(opening(flags), AT_FDCWD, path)                                 \
            ? -1 : REAL(int, name, const char *, int, ...)(path, flags, mode);       \
    }
#define OPENAT(name)                                                                 \
    int name(int dir_fd, const char *path, int flags, ...)                           \
    {                                                                                \
        MODE(flags)                                                                  \
        return fails(opening(flags), dir_fd, path)                                   \
            ? -1 : REAL(int, name, int, const char *, int, ...)(dir_fd, path, flags, mode); \
    }
OPEN(open) OPEN(open64) OPENAT(openat) OPENAT(openat64)

#define BY_FD(kind, type, name, parameters, arguments, ...)                          \
    type name parameters                                                             \
    {                                                                                \
        return fails(kind, fd, NULL) ? -1 : REAL(type, name, __VA_ARGS__) arguments; \
    }
BY_FD("read", ssize_t, read, (int fd, void *b, size_t n), (fd, b, n), int, void *, size_t)
BY_FD("read", ssize_t, pread, (int fd, void *b, size_t n, off_t o), (fd, b, n, o), int, void *, size_t, off_t)
BY_FD("read", ssize_t, pread64, (int fd, void *b, size_t n, off64_t o), (fd, b, n, o), int, void *, size_t, off64_t)
BY_FD("read", ssize_t, preadv64, (int fd, const struct iovec *v, int n, off64_t o), (fd, v, n, o), int, const struct iovec *, int, off64_t)
BY_FD("write", ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n), int, const void *, size_t)
BY_FD("write", ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), int, const void *, size_t, off_t)
BY_FD("write", ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), int, const void *, size_t, off64_t)
BY_FD("write", ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), int, const struct iovec *, int)
BY_FD("sync", int, fsync, (int fd), (fd), int)
BY_FD("sync", int, fdatasync, (int fd), (fd), int)
BY_FD("sync", int, syncfs, (int fd), (fd), int)
BY_FD("sync", int, sync_file_range, (int fd, off64_t o, off64_t n, unsigned f), (fd, o, n, f), int, off64_t, off64_t, unsigned)
BY_FD("truncate", int, ftruncate, (int fd, off_t n), (fd, n), int, off_t)
BY_FD("truncate", int, ftruncate64, (int fd, off64_t n), (fd, n), int, off64_t)

ssize_t copy_file_range(int from, off64_t *a, int fd, off64_t *b, size_t n, unsigned f)
{
    return fails("copy", fd, NULL)
        ? -1 : REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned)(from, a, fd, b, n, f);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if ((request == FICLONE || request == FICLONERANGE) && fails("clone", fd, NULL))
        return -1;
    return REAL(int, ioctl, int, unsigned long, ...)(fd, request, argument);
}

int rename(const char *a, const char *b)
{
    return fails("rename", AT_FDCWD, b) ? -1 : REAL(int, rename, const char *, const char *)(a, b);
}
int renameat(int c, const char *a, int d, const char *b)
{
    return fails("rename", d, b) ? -1 : REAL(int, renameat, int, const char *, int, const char *)(c, a, d, b);
}
int renameat2(int c, const char *a, int d, const char *b, unsigned f)
{
    return fails("rename", d, b)
        ? -1 : REAL(int, renameat2, int, const char *, int, const char *, unsigned)(c, a, d, b, f);
}
int link(const char *a, const char *b)
{
    return fails("link", AT_FDCWD, b) ? -1 : REAL(int, link, const char *, const char *)(a, b);
}
int linkat(int c, const char *a, int d, const char *b, int f)
{
    return fails("link", d, b) ? -1 : REAL(int, linkat, int, const char *, int, const char *, int)(c, a, d, b, f);
}
int symlink(const char *a, const char *b)
{
    return fails("symlink", AT_FDCWD, b) ? -1 : REAL(int, symlink, const char *, const char *)(a, b);
}
int symlinkat(const char *a, int d, const char *b)
{
    return fails("symlink", d, b) ? -1 : REAL(int, symlinkat, const char *, int, const char *)(a, d, b);
}
int mkdir(const char *path, mode_t mode)
{
    return fails("mkdir", AT_FDCWD, path) ? -1 : REAL(int, mkdir, const char *, mode_t)(path, mode);
}
int mkdirat(int d, const char *path, mode_t mode)
{
    return fails("mkdir", d, path) ? -1 : REAL(int, mkdirat, int, const char *, mode_t)(d, path, mode);
}
int unlink(const char *path)
{
    return fails("unlink", AT_FDCWD, path) ? -1 : REAL(int, unlink, const char *)(path);
}
int unlinkat(int d, const char *path, int f)
{
    return fails("unlink", d, path) ? -1 : REAL(int, unlinkat, int, const char *, int)(d, path, f);
}
#define STAT(name, type)                                                             \
    int name(const char *path, struct type *s)                                       \
    {                                                                                \
        return fails("stat", AT_FDCWD, path) ? -1 : REAL(int, name, const char *, struct type *)(path, s); \
    }
STAT(stat, stat) STAT(stat64, stat64) STAT(lstat, stat) STAT(lstat64, stat64)
#define STATAT(name, type)                                                           \
    int name(int d, const char *path, struct type *s, int f)                         \
    {                                                                                \
        return fails("stat", d, path)                                                \
            ? -1 : REAL(int, name, int, const char *, struct type *, int)(d, path, s, f); \
    }
STATAT(fstatat, stat) STATAT(fstatat64, stat64)

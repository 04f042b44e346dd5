/* A disk that takes names for the same that differ only in case, or in how an e with an acute accent is spelt,
 * and keeps the first spelling, as those of Windows and macOS do. What it holds is in a directory elsewhere.
 *
 * usage: folding BACKING MOUNTPOINT (returns once it is mounted)
 */
#define _GNU_SOURCE
#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int root_fd;

/* Lower case, and each e with an accent as one character. */
static void fold(const char *name, char *out) {
    while (*name) {
        unsigned char c = *name;
        if (c >= 'A' && c <= 'Z')
            c += 'a' - 'A';
        if (c == 'e' && !strncmp(name + 1, "\xcc\x81", 2)) {
            strcpy(out, "\xc3\xa9"), out += 2, name += 3;
        } else if (!strncmp(name, "\xc3\x89", 2)) {
            strcpy(out, "\xc3\xa9"), out += 2, name += 2;
        } else {
            *out++ = c, name++;
        }
    }
    *out = 0;
}

/* Puts the name as it is spelt in the directory into `name`, if something of that kind is there. */
static void spelt(const char *directory, char *name) {
    char wanted[2 * NAME_MAX], folded[2 * NAME_MAX], found[NAME_MAX + 1] = "";
    int fd = openat(root_fd, directory, O_RDONLY | O_DIRECTORY);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (!listing)
        return;
    fold(name, wanted);
    while ((entry = readdir(listing))) {
        fold(entry->d_name, folded);
        if (!strcmp(folded, wanted))
            strcpy(found, entry->d_name);
    }
    closedir(listing);
    if (*found)
        strcpy(name, found);
}

/* The path in the backing directory, each name as it is spelt there. With `asked`, the last one as asked for. */
static const char *resolve(const char *path, char *out, int asked) {
    char rest[PATH_MAX], *save, *name;
    strcpy(out, ".");
    snprintf(rest, sizeof rest, "%s", path);
    for (name = strtok_r(rest, "/", &save); name;) {
        char one[2 * NAME_MAX], *next = strtok_r(NULL, "/", &save);
        snprintf(one, sizeof one, "%s", name);
        if (next || !asked)
            spelt(out, one);
        strcat(strcat(out, "/"), one);
        name = next;
    }
    return out;
}

#define AT(path) char at_[PATH_MAX]; const char *at = resolve(path, at_, 0)
#define SAID(result) return (result) < 0 ? -errno : 0

static void *fs_init(struct fuse_conn_info *connection, struct fuse_config *config) {
    (void)connection;
    config->use_ino = 1;
    config->hard_remove = 1;
    config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
    return NULL;
}
static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi) {
    if (fi) { SAID(fstat(fi->fh, st)); }
    AT(path); SAID(fstatat(root_fd, at, st, AT_SYMLINK_NOFOLLOW));
}
static int fs_readlink(const char *path, char *out, size_t size) {
    AT(path); ssize_t got = readlinkat(root_fd, at, out, size - 1);
    if (got < 0) return -errno;
    out[got] = 0; return 0;
}
static int fs_mknod(const char *path, mode_t mode, dev_t dev) { AT(path); SAID(mknodat(root_fd, at, mode, dev)); }
static int fs_mkdir(const char *path, mode_t mode) { AT(path); SAID(mkdirat(root_fd, at, mode)); }
static int fs_unlink(const char *path) { AT(path); SAID(unlinkat(root_fd, at, 0)); }
static int fs_rmdir(const char *path) { AT(path); SAID(unlinkat(root_fd, at, AT_REMOVEDIR)); }
static int fs_symlink(const char *target, const char *path) { AT(path); SAID(symlinkat(target, root_fd, at)); }
static int fs_rename(const char *from, const char *to, unsigned flags) {
    char b_[PATH_MAX]; const char *b = resolve(to, b_, 0);
    AT(from);
    if (!strcmp(at, b))  /* another spelling of itself */
        b = resolve(to, b_, 1);
    SAID(renameat2(root_fd, at, root_fd, b, flags));
}
static int fs_link(const char *from, const char *to) {
    char b_[PATH_MAX]; const char *b = resolve(to, b_, 0);
    AT(from); SAID(linkat(root_fd, at, root_fd, b, 0));
}
static int fs_chmod(const char *path, mode_t mode, struct fuse_file_info *fi) {
    (void)fi; AT(path); SAID(fchmodat(root_fd, at, mode, 0));
}
static int fs_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *fi) {
    (void)fi; AT(path); SAID(fchownat(root_fd, at, uid, gid, AT_SYMLINK_NOFOLLOW));
}
static int fs_truncate(const char *path, off_t size, struct fuse_file_info *fi) {
    if (fi) { SAID(ftruncate(fi->fh, size)); }
    AT(path); int fd = openat(root_fd, at, O_WRONLY), failed = fd < 0 || ftruncate(fd, size) < 0 ? errno : 0;
    if (fd >= 0) close(fd);
    return -failed;
}
static int fs_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *fi) {
    (void)fi; AT(path); SAID(utimensat(root_fd, at, times, AT_SYMLINK_NOFOLLOW));
}
static int fs_open(const char *path, struct fuse_file_info *fi) {
    AT(path); int fd = openat(root_fd, at, fi->flags & ~O_NOFOLLOW);
    fi->fh = fd; SAID(fd);
}
static int fs_create(const char *path, mode_t mode, struct fuse_file_info *fi) {
    AT(path); int fd = openat(root_fd, at, fi->flags, mode);
    fi->fh = fd; SAID(fd);
}
static int fs_read(const char *path, char *out, size_t size, off_t offset, struct fuse_file_info *fi) {
    (void)path; ssize_t got = pread(fi->fh, out, size, offset);
    return got < 0 ? -errno : (int)got;
}
static int fs_write(const char *path, const char *data, size_t size, off_t offset, struct fuse_file_info *fi) {
    (void)path; ssize_t put = pwrite(fi->fh, data, size, offset);
    return put < 0 ? -errno : (int)put;
}
static int fs_release(const char *path, struct fuse_file_info *fi) { (void)path; SAID(close(fi->fh)); }
static int fs_fsync(const char *path, int data, struct fuse_file_info *fi) {
    (void)path; (void)data; SAID(fsync(fi->fh));
}
static int fs_statfs(const char *path, struct statvfs *st) { (void)path; SAID(fstatvfs(root_fd, st)); }
static int fs_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *fi, enum fuse_readdir_flags flags) {
    (void)offset; (void)fi; (void)flags;
    AT(path); int fd = openat(root_fd, at, O_RDONLY | O_DIRECTORY);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (!listing) return -errno;
    while ((entry = readdir(listing))) {
        struct stat st = {.st_ino = entry->d_ino, .st_mode = entry->d_type << 12};
        fill(buffer, entry->d_name, &st, 0, 0);
    }
    closedir(listing);
    return 0;
}

static const struct fuse_operations operations = {
    .init = fs_init, .getattr = fs_getattr, .readlink = fs_readlink, .mknod = fs_mknod, .mkdir = fs_mkdir,
    .unlink = fs_unlink, .rmdir = fs_rmdir, .symlink = fs_symlink, .rename = fs_rename, .link = fs_link,
    .chmod = fs_chmod, .chown = fs_chown, .truncate = fs_truncate, .utimens = fs_utimens, .open = fs_open,
    .create = fs_create, .read = fs_read, .write = fs_write, .release = fs_release, .fsync = fs_fsync,
    .statfs = fs_statfs, .readdir = fs_readdir,
};

int main(int argc, char **argv) {
    char *arguments[] = {argv[0], argv[2], "-o", "default_permissions", NULL};
    if (argc != 3 || (root_fd = open(argv[1], O_PATH | O_DIRECTORY)) < 0)
        return 2;
    umask(0);
    return fuse_main(4, arguments, &operations, NULL);
}

/* storage-plain: volumes as sparse files in the state directory, one per volume, "/" in its name written as "+". */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <seed/abi.h>
#include <seed/storage.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

struct storage {
    const seed_host *host;
    int folder; /* the state directory */
    char path[4096];
};

/* Failures: a code, a sentence, and the end of the operation. */
__attribute__((format(printf, 4, 5))) static seed_code fail(const struct storage *self, const seed_call *call, seed_code code, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    seed_text why = {text, size < (int)sizeof text ? (size_t)size : sizeof text - 1};
    return self->host->fail(call, code, 0, why);
}

static seed_code fail_errno(const struct storage *self, const seed_call *call, const char *volume) {
    seed_code code = errno == ENOENT ? SEED_NOT_FOUND : errno == ENOSPC || errno == EFBIG || errno == EDQUOT ? SEED_LIMIT : SEED_UNAVAILABLE;
    return fail(self, call, code, "volume %s: %s", volume, strerror(errno));
}

static seed_code reply(const struct storage *self, const seed_call *call, json_t *body) {
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (!text) return fail(self, call, SEED_INTERNAL, "out of memory");
    seed_text bytes = {text, strlen(text)};
    self->host->reply(call, bytes);
    free(text);
    return SEED_OK;
}

/* A request: an object with a text member `volume`; {NULL} and a failure told otherwise. */
static json_t *parse(const struct storage *self, const seed_call *call, seed_text request, seed_code *code) {
    json_error_t error;
    json_t *body = json_loadb(request.data ? request.data : "", request.size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(body)) {
        json_decref(body);
        *code = fail(self, call, SEED_INVALID, "request: expected a JSON object");
        return NULL;
    }
    return body;
}

/* NAMESPACE/INSTANCE/NAME of harmless characters becomes a file's name; nothing may lead elsewhere. */
static int file_name(const char *volume, char *name, size_t size) {
    size_t length = volume ? strlen(volume) : 0;
    if (length == 0 || length > 200 || length >= size) return 0;
    if (strspn(volume, "abcdefghijklmnopqrstuvwxyz0123456789-_./") != length) return 0;
    if (volume[0] == '/' || volume[length - 1] == '/' || volume[0] == '.' || strstr(volume, "//") || strstr(volume, "..") || strstr(volume, "/.")) return 0;
    for (size_t i = 0; i <= length; ++i) name[i] = volume[i] == '/' ? '+' : volume[i];
    return 1;
}

struct request {
    json_t *body;
    const char *volume;
    char name[256];
    long long bytes; /* -1: the request has none */
};

static seed_code read_request(const struct storage *self, const seed_call *call, seed_text text, int sized, struct request *request) {
    seed_code code = SEED_OK;
    request->body = parse(self, call, text, &code);
    if (!request->body) return code;
    json_t *size = json_object_get(request->body, "size_bytes"), *system = json_object_get(request->body, "file_system");
    request->volume = json_string_value(json_object_get(request->body, "volume"));
    request->bytes = json_is_integer(size) ? json_integer_value(size) : -1;
    if (!request->volume) code = fail(self, call, SEED_INVALID, "request: member 'volume' must be a text");
    else if (!file_name(request->volume, request->name, sizeof request->name))
        code = fail(self, call, SEED_INVALID, "the volume's name is not like NAMESPACE/INSTANCE/NAME");
    else if (sized && request->bytes < 0) code = fail(self, call, SEED_INVALID, "request: member 'size_bytes' must be a whole number from 0");
    else if (system && !json_is_string(system)) code = fail(self, call, SEED_INVALID, "request: member 'file_system' must be a text");
    if (code != SEED_OK) json_decref(request->body);
    return code;
}

static json_t *describe(const char *volume, const struct stat *status) {
    return json_pack("{s:s, s:I, s:I, s:I}", "volume", volume, "size_bytes", (json_int_t)status->st_size, "used_bytes", (json_int_t)status->st_blocks * 512,
                     "created_ms", (json_int_t)0);
}

static seed_code reply_path(const struct storage *self, const seed_call *call, const struct request *request) {
    struct stat status;
    char path[4400];
    if (fstatat(self->folder, request->name, &status, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno(self, call, request->volume);
    snprintf(path, sizeof path, "%s/%s", self->path, request->name);
    return reply(self, call, json_pack("{s:s, s:I}", "path", path, "size_bytes", (json_int_t)status.st_size));
}

static seed_code check(void *me, const seed_call *call, seed_text text) {
    struct storage *self = me;
    seed_code code = SEED_OK;
    json_t *body = parse(self, call, text, &code);
    struct statvfs space;
    if (!body) return code;
    json_decref(body);
    if (fstatvfs(self->folder, &space) != 0) return fail_errno(self, call, "state directory");
    return reply(self, call, json_pack("{s:b, s:I, s:[]}", "ok", 1, "free_bytes", (json_int_t)(space.f_bavail * space.f_frsize), "remarks"));
}

/* Makes it, or lets it grow; never shrinks. */
static seed_code create(void *me, const seed_call *call, seed_text text) {
    struct storage *self = me;
    struct request request;
    struct stat status;
    seed_code code = read_request(self, call, text, 1, &request);
    if (code != SEED_OK) return code;
    int file = openat(self->folder, request.name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0 || fstat(file, &status) != 0 || (status.st_size < request.bytes && ftruncate(file, request.bytes) != 0))
        code = fail_errno(self, call, request.volume);
    else
        code = reply_path(self, call, &request);
    if (file >= 0) close(file);
    json_decref(request.body);
    return code;
}

static seed_code attach(void *me, const seed_call *call, seed_text text) {
    struct request request;
    seed_code code = read_request(me, call, text, 0, &request);
    if (code != SEED_OK) return code;
    code = reply_path(me, call, &request);
    json_decref(request.body);
    return code;
}

static seed_code detach(void *me, const seed_call *call, seed_text text) { /* nothing is held */
    struct request request;
    seed_code code = read_request(me, call, text, 0, &request);
    if (code == SEED_OK) json_decref(request.body);
    return code;
}

static seed_code resize(void *me, const seed_call *call, seed_text text) {
    struct storage *self = me;
    struct request request;
    struct stat status;
    seed_code code = read_request(self, call, text, 1, &request);
    if (code != SEED_OK) return code;
    int file = openat(self->folder, request.name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0 || fstat(file, &status) != 0) code = fail_errno(self, call, request.volume);
    else if (request.bytes < status.st_size) code = fail(self, call, SEED_INVALID, "volume %s: volumes never shrink", request.volume);
    else if (ftruncate(file, request.bytes) != 0) code = fail_errno(self, call, request.volume);
    else code = reply_path(self, call, &request);
    if (file >= 0) close(file);
    json_decref(request.body);
    return code;
}

static seed_code remove_volume(void *me, const seed_call *call, seed_text text) {
    struct storage *self = me;
    struct request request;
    seed_code code = read_request(self, call, text, 0, &request);
    if (code != SEED_OK) return code;
    const char *confirm = json_string_value(json_object_get(request.body, "confirm"));
    if (!confirm || strcmp(confirm, request.volume) != 0)
        code = fail(self, call, SEED_INVALID, "removing destroys the data: 'confirm' must be the volume's own name, %s", request.volume);
    else if (unlinkat(self->folder, request.name, 0) != 0 && errno != ENOENT)
        code = fail_errno(self, call, request.volume);
    json_decref(request.body);
    return code;
}

static seed_code list(void *me, const seed_call *call, seed_text text) {
    struct storage *self = me;
    seed_code code = SEED_OK;
    json_t *body = parse(self, call, text, &code), *volumes = json_array();
    if (!body) return json_decref(volumes), code;
    json_decref(body);
    DIR *folder = opendir(self->path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        struct stat status;
        if (entry->d_name[0] == '.' || fstatat(self->folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) continue;
        for (char *c = entry->d_name; *c; ++c) *c = *c == '+' ? '/' : *c;
        json_array_append_new(volumes, describe(entry->d_name, &status));
    }
    if (folder) closedir(folder);
    return reply(self, call, json_pack("{s:o}", "volumes", volumes));
}

static seed_code usage(void *me, const seed_call *call, seed_text text) {
    struct storage *self = me;
    struct request request;
    struct stat status;
    seed_code code = read_request(self, call, text, 0, &request);
    if (code != SEED_OK) return code;
    if (fstatat(self->folder, request.name, &status, AT_SYMLINK_NOFOLLOW) != 0) code = fail_errno(self, call, request.volume);
    else code = reply(self, call, describe(request.volume, &status));
    json_decref(request.body);
    return code;
}

static void close_storage(void *me) {
    struct storage *self = me;
    if (self->folder >= 0) close(self->folder);
    free(self);
}

static seed_code open_storage(const seed_host *host, const seed_call *call, seed_text config, void **result) {
    struct storage *self = calloc(1, sizeof *self);
    seed_code code = SEED_OK;
    if (!self) return SEED_INTERNAL;
    self->host = host;
    self->folder = -1;
    json_t *body = parse(self, call, config, &code); /* nothing in it is needed, but it must be an object */
    json_decref(body);
    if (code == SEED_OK && host->state_dir.size >= sizeof self->path) code = fail(self, call, SEED_INVALID, "the state directory's path is too long");
    if (code == SEED_OK) {
        memcpy(self->path, host->state_dir.data, host->state_dir.size);
        self->folder = open(self->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (self->folder < 0) code = fail(self, call, SEED_UNAVAILABLE, "%s: %s", self->path, strerror(errno));
    }
    if (code == SEED_OK) *result = self;
    else close_storage(self);
    return code;
}

static const seed_storage_v0 operations = {
    .size = sizeof operations,
    .check = check,
    .create = create,
    .attach = attach,
    .detach = detach,
    .resize = resize,
    .remove = remove_volume,
    .list = list,
    .usage = usage,
};

static const seed_provider provider = {
    .size = sizeof provider,
    .id = "storage-plain",
    .contract = "seed.storage/0",
    .version = "0.1.0",
    .summary = "volumes as sparse files, in plain C",
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false}",
    .open = open_storage,
    .close = close_storage,
    .ops = &operations,
};

const seed_provider *seed_plugin_v1(uint32_t index) { return index == 0 ? &provider : NULL; }

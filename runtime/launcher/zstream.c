#include "zstream.h"

#include "say.h"
#include "zstd.h"

#include <stdlib.h>

enum { CHUNK = 1 << 17 };

struct zstream {
    const struct dist *dist;
    ZSTD_DCtx *decoder;
    uint64_t offset, left; // of the stored bytes not read yet
    ZSTD_inBuffer in;
    size_t hint; // 0 once the frame is complete
    unsigned char buffer[CHUNK];
};

static _Noreturn void damaged(const struct zstream *stream) {
    fail(DAMAGED, GET_AGAIN, "%s is damaged: its runtime cannot be unpacked.", stream->dist->name);
}

struct zstream *zstream_open(const struct dist *dist, struct entry entry) {
    struct zstream *stream = calloc(1, sizeof *stream);
    if (!stream || !(stream->decoder = ZSTD_createDCtx())) {
        fail(SURROUNDINGS, "Close other programs.", "There is not enough memory to unpack the runtime.");
    }
    stream->dist = dist;
    stream->offset = entry.offset;
    stream->left = entry.size;
    stream->in.src = stream->buffer;
    stream->hint = 1;
    return stream;
}

// Decode into `out` until it is full or the frame ends.
static void decode(struct zstream *stream, ZSTD_outBuffer *out) {
    while (out->pos < out->size && stream->hint) {
        if (stream->in.pos == stream->in.size && stream->left) {
            stream->in.size = stream->left < CHUNK ? stream->left : CHUNK;
            stream->in.pos = 0;
            read_at(stream->dist, stream->buffer, stream->in.size, stream->offset);
            stream->offset += stream->in.size;
            stream->left -= stream->in.size;
        }
        size_t before = out->pos, taken = stream->in.pos;
        stream->hint = ZSTD_decompressStream(stream->decoder, out, &stream->in);
        if (ZSTD_isError(stream->hint) || (out->pos == before && stream->in.pos == taken)) {
            damaged(stream);
        }
    }
}

void zstream_read(struct zstream *stream, void *into, uint64_t size) {
    ZSTD_outBuffer out = {into, size, 0};
    decode(stream, &out);
    if (out.pos < size) {
        damaged(stream);
    }
}

void zstream_finish(struct zstream *stream) {
    static unsigned char rest[CHUNK];
    while (stream->hint) {
        ZSTD_outBuffer out = {rest, sizeof rest, 0};
        decode(stream, &out);
    }
    ZSTD_freeDCtx(stream->decoder);
    free(stream);
}

// The runtime's archive as a stream of decoded bytes.
#ifndef PANNIER_ZSTREAM_H
#define PANNIER_ZSTREAM_H

#include "dist.h"

struct zstream;

struct zstream *zstream_open(const struct dist *dist, struct entry entry);

// Give exactly `size` decoded bytes. Ends the program where the stream ends before, or is not sound.
void zstream_read(struct zstream *stream, void *into, uint64_t size);

// Read to the end of the stream, where its checksum stands. Ends the program where that is wrong.
void zstream_finish(struct zstream *stream);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Debian's libzstd.a takes 75 kB of decoders along for what zstd wrote before 0.8.0 of 2016, years before
 * the kernel knew zstd. A static program has these functions, which refuse such a frame, in place of them:
 * the linker takes what it has and looks into the archive for the rest. The names and types are of zstd 1.5's
 * lib/legacy/zstd_v05.h, _v06.h and _v07.h; meson.build leaves this file out where they do not fit.
 */
#include <stddef.h>
#include <stdint.h>
#include <zstd_errors.h>

#define REFUSED ((size_t)-ZSTD_error_prefix_unknown)

#define REFUSE_CREATE(name)  \
	void *name(void);    \
	void *name(void)     \
	{                    \
		return NULL; \
	}

#define REFUSE_FREE(name)           \
	size_t name(void *context); \
	size_t name(void *context)  \
	{                           \
		(void)context;      \
		return 0;           \
	}

#define REFUSE_PARAMS(name)                                       \
	size_t name(void *params, const void *data, size_t size); \
	size_t name(void *params, const void *data, size_t size)  \
	{                                                         \
		(void)params, (void)data, (void)size;             \
		return REFUSED;                                   \
	}

#define REFUSE_FIND(name)                                                                        \
	void name(const void *data, size_t size, size_t *compressed, unsigned long long *bound); \
	void name(const void *data, size_t size, size_t *compressed, unsigned long long *bound)  \
	{                                                                                        \
		(void)data, (void)size;                                                          \
		*compressed = REFUSED;                                                           \
		*bound = UINT64_MAX - 1;                                                         \
	}

#define REFUSE_DECOMPRESS(name)                                                                             \
	size_t name(void *context, void *out, size_t room, const void *data, size_t size, const void *dict, \
		    size_t n_dict);                                                                         \
	size_t name(void *context, void *out, size_t room, const void *data, size_t size, const void *dict, \
		    size_t n_dict)                                                                          \
	{                                                                                                   \
		(void)context, (void)out, (void)room, (void)data, (void)size, (void)dict, (void)n_dict;     \
		return REFUSED;                                                                             \
	}

#define REFUSE_CONTINUE(name)                                                                \
	size_t name(void *context, void *out, size_t *room, const void *data, size_t *size); \
	size_t name(void *context, void *out, size_t *room, const void *data, size_t *size)  \
	{                                                                                    \
		(void)context, (void)out, (void)room, (void)data, (void)size;                \
		return REFUSED;                                                              \
	}

#define REFUSE_VERSION(v)                                   \
	REFUSE_CREATE(ZSTDv##v##_createDCtx)                \
	REFUSE_FREE(ZSTDv##v##_freeDCtx)                    \
	REFUSE_PARAMS(ZSTDv##v##_getFrameParams)            \
	REFUSE_FIND(ZSTDv##v##_findFrameSizeInfoLegacy)     \
	REFUSE_DECOMPRESS(ZSTDv##v##_decompress_usingDict)  \
	REFUSE_CREATE(ZBUFFv##v##_createDCtx)               \
	REFUSE_FREE(ZBUFFv##v##_freeDCtx)                   \
	REFUSE_PARAMS(ZBUFFv##v##_decompressInitDictionary) \
	REFUSE_CONTINUE(ZBUFFv##v##_decompressContinue)

REFUSE_VERSION(05)
REFUSE_VERSION(06)
REFUSE_VERSION(07)

/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <sha1.h>
#include <stdint.h>
#include <string.h>

#include "util/secret.h"

#define PAGE_SIZE	((size_t)4096)

struct page {
	struct page	*next;
	size_t		 count;
	struct secret	 list[];
};

#define PER_PAGE	((PAGE_SIZE - sizeof(struct page)) / \
			    sizeof(struct secret))

static struct page *pages;

void
secret_protect_process(void)
{
	static const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

static void
hash(unsigned char *to, const void *data, size_t len)
{
	SHA1_CTX ctx;

	SHA1Init(&ctx);
	SHA1Update(&ctx, data, len);
	SHA1Final(to, &ctx);
	explicit_bzero(&ctx, sizeof(ctx));
}

static struct page *
page_with_room(void)
{
	struct page *page;

	if (pages != NULL && pages->count < PER_PAGE)
		return pages;
	page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return NULL;
	madvise(page, PAGE_SIZE, MADV_DONTDUMP);
	/* Ignore errors: mlock(2) fails if RLIMIT_MEMLOCK is exceeded. */
	mlock(page, PAGE_SIZE);
	page->next = pages;
	pages = page;
	return page;
}

const struct secret *
secret_keep(char *password, size_t len, struct error *error)
{
	struct page *page = page_with_room();
	struct secret *secret;

	if (page == NULL) {
		explicit_bzero(password, len);
		error_out_of_memory(error);
		return NULL;
	}
	secret = &page->list[page->count++];
	hash(secret->hash, password, len);
	explicit_bzero(password, len);
	hash(secret->hash_of_hash, secret->hash, sizeof(secret->hash));
	return secret;
}

void
secret_wipe_all(void)
{
	struct page *page;

	while ((page = pages) != NULL) {
		pages = page->next;
		explicit_bzero(page, PAGE_SIZE);
		munmap(page, PAGE_SIZE);
	}
}

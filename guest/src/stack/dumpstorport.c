// dumpstorport.sys: the dump port of Windows 10 2004 and later for NVMe and UFS: diskdump without the routines of SCSI port miniports.
#define STORPORT_ALONE
#include "diskdump.c"

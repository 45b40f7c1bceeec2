################################################################################
#
# coldplug
#
################################################################################

COLDPLUG_VERSION = 0.1.0
# The archive of the release stands beside this file, until it is published elsewhere.
COLDPLUG_SITE = $(COLDPLUG_PKGDIR)
COLDPLUG_SITE_METHOD = file
COLDPLUG_LICENSE = LGPL-2.1+
COLDPLUG_LICENSE_FILES = LICENSE
COLDPLUG_INSTALL_STAGING = YES
COLDPLUG_DEPENDENCIES = host-pkgconf

COLDPLUG_CONF_OPTS = \
	-Dtests=disabled \
	-Dlibkmod=disabled \
	-Dumockdev=disabled \
	-Dlibudev=disabled \
	-Dman=disabled \
	-Dcompletion=false \
	-Dlz4=disabled \
	-Dtools=$(if $(BR2_PACKAGE_COLDPLUG_TOOLS),true,false) \
	-Dstatic=$(if $(BR2_STATIC_LIBS),true,false)

ifeq ($(BR2_PACKAGE_ZLIB),y)
COLDPLUG_CONF_OPTS += -Dzlib=enabled
COLDPLUG_DEPENDENCIES += zlib
else
COLDPLUG_CONF_OPTS += -Dzlib=disabled
endif

ifeq ($(BR2_PACKAGE_XZ),y)
COLDPLUG_CONF_OPTS += -Dlzma=enabled
COLDPLUG_DEPENDENCIES += xz
else
COLDPLUG_CONF_OPTS += -Dlzma=disabled
endif

ifeq ($(BR2_PACKAGE_ZSTD),y)
COLDPLUG_CONF_OPTS += -Dzstd=enabled
COLDPLUG_DEPENDENCIES += zstd
else
COLDPLUG_CONF_OPTS += -Dzstd=disabled
endif

ifeq ($(BR2_PACKAGE_UTIL_LINUX_LIBBLKID),y)
COLDPLUG_CONF_OPTS += -Dblkid=enabled
COLDPLUG_DEPENDENCIES += util-linux
else
COLDPLUG_CONF_OPTS += -Dblkid=disabled
endif

ifeq ($(BR2_PACKAGE_COLDPLUG_MODPROBE),y)
define COLDPLUG_INSTALL_MODPROBE
	$(INSTALL) -d $(TARGET_DIR)/sbin
	ln -sf ../usr/sbin/coldplug $(TARGET_DIR)/sbin/modprobe
endef
COLDPLUG_POST_INSTALL_TARGET_HOOKS += COLDPLUG_INSTALL_MODPROBE
endif

define COLDPLUG_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(COLDPLUG_PKGDIR)/S11coldplug \
		$(TARGET_DIR)/etc/init.d/S11coldplug
endef

$(eval $(meson-package))

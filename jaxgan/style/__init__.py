"""Neural style transfer: a picture with the content of one and the textures of another (Gatys et al. 2015, 2016)."""

"""The Tucker decomposition: y(x) = sum over r_1 … r_D of G[r_1 … r_D] prod_d f_d,r_d(x_d), every dimension with its own rank R_d."""
